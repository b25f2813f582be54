"""Files and streams: outputs that appear whole, media opened safely, stages that run beside each other."""
