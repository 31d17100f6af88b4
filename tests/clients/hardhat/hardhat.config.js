import hardhatEthers from "@nomicfoundation/hardhat-ethers";
import hardhatNetworkHelpers from "@nomicfoundation/hardhat-network-helpers";

export default {
  plugins: [hardhatEthers, hardhatNetworkHelpers],
  solidity: {
    version: "0.8.37",
    // Without it Hardhat downloads the compiler.
    path: process.env.SOLJSON,
    settings: { evmVersion: "prague", optimizer: { enabled: true, runs: 200 } },
  },
  networks: {
    // The node's own accounts sign, as Hardhat does by default.
    dex: { type: "http", url: process.env.EVM_DEX_URL ?? "http://127.0.0.1:8545" },
  },
};
