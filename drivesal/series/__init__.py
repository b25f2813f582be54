"""Numbers over time: averages, pulses, blocks drawn again."""
