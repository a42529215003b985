"""The tables on standard output."""

START_TARGET_MS = 100
MEMORY_TARGET_MIB = 36


def print_rows(rows):
    layout = "{:<20} {:>5}  {:<20} {:>10} {:>8} {:>8} {:>8}  {:>9} {:>9} {:>9}  {}"
    print("\nRatios are backplane's figure over the server's: medians of the ratios within each round.\n")
    print("cpu us: processor time of the server per request, the kernel's on its behalf too.\n")
    titles = ["row", "conns", "server", "requests/s", "p50 us", "p99 us", "cpu us"]
    print(layout.format(*titles, "req ratio", "p50 ratio", "cpu ratio", "targets"))
    for row in rows:
        for contender in row.contenders:
            figures = [f"{row.median(contender.name, 'requests_per_second'):,.0f}"]
            figures += [f"{row.median(contender.name, field):,.0f}" for field in ("p50_us", "p99_us")]
            figures += [f"{row.median(contender.name, 'cpu_us'):.1f}"]
            verdict = ""
            ratios = ["", "", ""]
            if contender is not row.contenders[0]:
                ratios = [f"{ratio:.2f}" for ratio in row.ratios(contender.name).values()]
                verdict = ", ".join(
                    f"{target['measure']} {'>=' if target['measure'] == 'requests' else '<='} {target['bound']}: "
                    f"{'met' if target['met'] else 'MISSED'}"
                    for target in row.targets(contender.name)
                )
            print(layout.format(row.title, row.connections, contender.name, *figures, *ratios, verdict).rstrip())


# Of a call within the process, in nanoseconds.
HANDLE_TARGETS = {"inline_ns": 1_000, "worker_ns": 8_000}


def print_handles(handles):
    print(f"\n{'a call through a handle':<30} {'ns':>10}  target")
    for name, bound in HANDLE_TARGETS.items():
        title = {"inline_ns": "INLINE", "worker_ns": "worker thread"}[name]
        verdict = "met" if handles[name] <= bound else "MISSED"
        print(f"  {title:<28} {handles[name]:>10,.0f}  <= {bound:,}: {verdict}")


def print_starts(starts):
    print(f"\n{'server':<20} {'first answer ms':>16} {'idle peak MiB':>14}")
    for start in starts:
        print(f"{start['server']:<20} {start['first_answer_ms']:>16.1f} {start['idle_peak_memory_mib']:>14.1f}")
        if start["server"] == "backplane":
            met = start["first_answer_ms"] < START_TARGET_MS and start["idle_peak_memory_mib"] < MEMORY_TARGET_MIB
            print(f"  target: under {START_TARGET_MS} ms and {MEMORY_TARGET_MIB} MiB: {'met' if met else 'MISSED'}")
