"""The core: explains frames, turns attributions into the heat of cases, and scales heat over a clip."""
