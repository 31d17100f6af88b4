# mox run bid --network evm-dex --private-key 0x…: the contract is on a node.

import boa

from evm_dex.boa import add_exchanges

ETHER, DOLLAR = 10**18, 10**6


def moccasin_main():
    dex = add_exchanges()
    weth, usdc = dex.tokens["WETH"], dex.tokens["USDC"]
    bidder = boa.load("Bidder.vy")
    dex.deal_on_spot(usdc, boa.env.eoa, 3_000 * DOLLAR)
    boa.env._rpc.fetch_uncached(
        "dex_dealOnSpot", [usdc.address, bidder.address, hex(3_000 * DOLLAR)]
    )
    order = bidder.bid(weth, ETHER, 2_000 * DOLLAR)
    (placed,) = bidder.get_logs()
    assert placed.orderId == order
    assert dex.spot.getBestPrices(weth)[0] == 2_000 * DOLLAR
    try:
        bidder.bid(weth, ETHER, 2_000 * DOLLAR)
    except boa.BoaError as error:
        if "InsufficientBalance" not in str(error):
            raise
    print(f"bid, as order {order}")
