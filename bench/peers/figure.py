"""The lines that `cargo xtask bench botnet` gathers, as in `bench/figure.rs`."""

import resource


def cpu():
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def children():
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def peer(what, who, value, unit):
    print(f"#figure\t{what}\t{who}\t{value}\t{unit}\t0", flush=True)


def missing(what, who, why):
    why = " ".join(str(why).split())
    print(f"#missing\t{what}\t{who}\t{why}", flush=True)
