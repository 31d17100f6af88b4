# pragma version ^0.4.0
"""
@title Bids on the spot exchange from its own balance there.
"""

interface ISpot:
    def placeOrder(asset: address, amount: uint256, price: uint256, isBuy: bool) -> uint256: nonpayable
    def getBestPrices(asset: address) -> (uint256, uint256): view

SPOT: constant(address) = 0x0000000000000000000000000000000000000d01


@external
def bid(asset: address, amount: uint256, price: uint256) -> uint256:
    return extcall ISpot(SPOT).placeOrder(asset, amount, price, True)


@external
def bid_and_fail(asset: address, amount: uint256, price: uint256):
    extcall ISpot(SPOT).placeOrder(asset, amount, price, True)
    raise "after the order"


@external
@view
def best(asset: address) -> uint256:
    bid: uint256 = 0
    ask: uint256 = 0
    bid, ask = staticcall ISpot(SPOT).getBestPrices(asset)
    return bid
