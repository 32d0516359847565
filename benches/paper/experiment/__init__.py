"""The paper's way and ours, interleaved over one store."""
