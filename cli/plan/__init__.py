"""What a pipeline costs and where it breaks, before it is deployed: pure arithmetic on a load, with
prices from `cli/prices.json` alone."""
