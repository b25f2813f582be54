"""Time series: moving averages, pulse detection, block bootstrap."""
