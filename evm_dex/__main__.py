"""`python -m evm_dex`: the command line, where `evm-dex` is not on the path."""

from evm_dex.cli import main

if __name__ == "__main__":
    main()
