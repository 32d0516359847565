#!/usr/bin/env -S python3 -B
"""What the things that `up` makes cost, by the table of prices that `backfill` has, too.

    costs.py PRICES     PRICES is backfill/prices.toml; the settings are in the environment

Python, for it reads TOML itself since 3.11.
"""

import os
import sys
import tomllib

HOURS_A_MONTH = 730
# What the flow asks the store for each original, and the audit; backfill/src/cost/expected.rs says the same.
READS = (4, 6)
DEFAULT_SIZES = 6
KEYS_A_PAGE = 1000


def amount(usd):
    """Of [least, most], to two digits that count."""
    if usd is None:
        return "unknown"
    least, most = (f"{one:.2f}" if one >= 1 else f"{one:.2g}" for one in usd)
    return f"{least} USD" if least == most else f"{least} to {most} USD"


class Table:
    """Prices by item, as [least, most] of one unit, or None where it is unknown."""

    def __init__(self, name):
        with open(name, "rb") as file:
            table = tomllib.load(file)
        self.items = {one["item"]: one for one in table["prices"]}
        self.free = {one["item"]: one["units_a_month"] for one in table["free"]}

    def of(self, **units):
        """What so many units of items cost: numbers, or [least, most]."""
        least = most = 0
        for item, number in units.items():
            price = self.items[item]["price"]
            if price == "unknown":
                return None
            low, high = price if isinstance(price, list) else (price, price)
            few, many = number if isinstance(number, tuple) else (number, number)
            least += few * low / self.items[item]["per"]
            most += many * high / self.items[item]["per"]
        return least, most

    def told_by(self, *items):
        """The dates and regions of prices, each once."""
        return ", ".join(dict.fromkeys(f"{self.items[item]['date']} (region: {self.items[item]['region']})" for item in items))


def lines(prices, get):
    cpu, memory = float(get("CPU")), float(get("MEMORY").removesuffix("G"))
    least, most = int(get("MIN_SCALE")), int(get("MAX_SCALE"))
    sizes = len([size for size in get("SIZES", "").split(",") if size.strip()]) or DEFAULT_SIZES
    each = further = audited = ""
    # Recipes by path are a file of the image, which is not here.
    if get("RECIPES"):
        sizes, further, audited = 1, ", one more for each further thumbnail,", " with one thumbnail"
        each = " for each thumbnail of its recipe, which RECIPES says in the image"

    def instances(number, hours=1):
        return amount(prices.of(vcpu_second=number * cpu * 3600 * hours, gb_second=number * memory * 3600 * hours))

    always = "none, and nothing to pay, while no event comes"
    if least:
        always = f"{least} of them always, {instances(least, HOURS_A_MONTH)} a month"
    free = min(prices.free["vcpu_second"] / cpu, prices.free["gb_second"] / memory) / 3600
    writes, reads = sizes * 1000, tuple(one * 1000 for one in READS)
    lists = 1 + sizes
    audit = amount(prices.of(class_a=lists * 1000 / KEYS_A_PAGE, class_b=1000))
    return f"""\
What is paid for, by list prices without contract, discount and tax, none of them seen on a bill:
  application   {cpu:g} vCPU and {memory:g} GB, {instances(1)} for each hour that an instance runs, from the pull of its image on;
                at most {most} of them, {instances(most)} an hour; {always}
  free of that  the first {free:.1f} hours of one instance in each month, of all that the account has
  1000 uploads  {writes} writes (class A), {amount(prices.of(class_a=writes))}{each}; {reads[0]} to {reads[1]} reads (class B), {amount(prices.of(class_b=reads))}
  audit         the same instance for as long as it takes, at {get("VERIFY_SCHEDULE")} (UTC); for each 1000 originals
                {lists} lists (class A){further} and 1000 reads (class B), {audit} each time{audited}
  calls         {amount(prices.of(http_call=1_000_000))} for a million from outside of the project, {prices.free["http_call"]} a month free; of events: unknown
  traffic       nothing, between Code Engine and the bucket in its region
  unknown       what is special in {get("COS_REGION")}; how seconds are rounded; what is stored in bucket and registry, and pulled
Project, subscriptions, authorization, profile and secrets cost nothing. The prices are of backfill/prices.toml, with their sources:
Code Engine's of {prices.told_by("vcpu_second", "gb_second", "http_call")},
Object Storage's of {prices.told_by("class_a", "class_b")}.""".splitlines()


for line in lines(Table(sys.argv[1]), os.environ.get):
    print(f"# {line}")
