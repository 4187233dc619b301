"""The pages that belong to no room: alive, ready, the contract, the figures."""
