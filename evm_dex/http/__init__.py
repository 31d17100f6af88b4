"""Rules and connections that all HTTP ports share."""

from evm_dex.http.late_roots import load_aiohttp

load_aiohttp()
