"""Resident memory over many orders, in one process."""

from . import load


def measure(server, key, products, orders, step, clients=64):
    """MiB after each `step` orders until there are at least `orders`."""
    placed, samples, runs = 0, [(0, server.resident_mib())], 0
    while placed < orders:
        runs += 1
        figures = load.orders(server, key, products, clients, 20, f"memory-{runs}")
        before, placed = placed, placed + figures["requests"]
        if placed // step > before // step:
            samples.append((placed, server.resident_mib()))
            print(f"  {placed} orders: {samples[-1][1]:.1f} MiB", flush=True)
    return samples
