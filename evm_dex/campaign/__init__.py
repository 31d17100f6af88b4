"""Campaigns: scenarios that run for many seeds, on the processors of one machine or of many."""

from evm_dex.campaign.scenario import Report, Scenario, ScenarioError, scenario

__all__ = ["Report", "Scenario", "ScenarioError", "scenario"]
