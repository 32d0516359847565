"""Tests of the harness: `benches/peers/run test`."""
