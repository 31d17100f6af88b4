"""Reports of what contracts ran: line coverage, and the gas that functions and deployments cost."""
