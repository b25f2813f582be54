"""Files and streams: outputs published only when complete, safe opening of media, concurrent stages."""
