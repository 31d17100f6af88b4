"""Cheatcodes: state, balances and prices changed outside of transactions."""

from __future__ import annotations

from evm_dex.client.cheats.balance_cheats import BalanceCheats
from evm_dex.client.cheats.exchange_cheats import ExchangeCheats, Exchanges
from evm_dex.client.cheats.state_cheats import StateCheats


class Cheats:
    """Cheatcodes, each documented where it is defined. Amounts are in smallest units."""

    def __init__(self, dex: Exchanges) -> None:
        state = StateCheats(dex.chain)
        self.set_balance = state.set_balance
        self.set_nonce = state.set_nonce
        self.set_code = state.set_code
        self.set_storage = state.set_storage
        self.impersonate = state.impersonate
        self.stop_impersonating = state.stop_impersonating
        self.auto_impersonate = state.auto_impersonate
        self.increase_time = state.increase_time
        self.set_next_timestamp = state.set_next_timestamp
        self.set_interval = state.set_interval
        self.set_coinbase = state.set_coinbase
        self.set_next_base_fee = state.set_next_base_fee
        self.set_gas_limit = state.set_gas_limit
        self.set_prevrandao = state.set_prevrandao
        self.automine = state.automine
        self.drop_transaction = state.drop_transaction
        self.drop_all_transactions = state.drop_all_transactions
        self.reset = state.reset

        balances = BalanceCheats(dex.chain, dex.tokens)
        self.deal = balances.deal
        self.deal_on_spot = balances.deal_on_spot
        self.deal_on_perp = balances.deal_on_perp
        self.allow = balances.allow
        self.find_balance = balances.find_balance

        exchange = ExchangeCheats(dex, balances.token)
        self.set_oracle_price = exchange.set_oracle_price
        self.list_market = exchange.list_market
        self.list_perp_market = exchange.list_perp_market
        self.set_collateral = exchange.set_collateral
        self.deploy_token = exchange.deploy_token
        self.acting_as = exchange.acting_as
