"""An OpenSamples file without physics: wires whose samples a test names."""
import h5py
import numpy as np

TICKS = 60


def make_file(path, events, ticks=TICKS, counts=True, order=None, drop=(), dtype="f4", times=None):
    """An OpenSamples file. events: [(run, subrun, event, [(plane, wire, samples), ...])]."""
    ids, plane, wire, adc, per_event = [], [], [], [], []
    for index, (run, subrun, event, rows) in enumerate(events):
        rows = [rows[i] for i in order(len(rows))] if order else rows
        for p, w, samples in rows:
            ids.append((run, subrun, event))
            plane.append(p)
            wire.append(w)
            adc.append(samples)
        if rows:
            per_event.append((index, len(rows)))
    n = len(ids)
    columns = {
        "wire_table/adc": np.array(adc, dtype).reshape(n, ticks),
        "wire_table/local_plane": np.array(plane, "i4").reshape(n, 1),
        "wire_table/local_wire": np.array(wire, "f4").reshape(n, 1),
        "wire_table/event_id": np.array(ids, "i4").reshape(n, 3),
        "event_table/event_id": np.array([e[:3] for e in events], "i4").reshape(-1, 3),
    }
    if counts:
        columns["wire_table/event_id.seq_cnt"] = np.array(per_event, "i8").reshape(-1, 2)
    if times:
        columns["event_table/event_time_ns"] = np.array(times, "u8").reshape(-1, 1)
    with h5py.File(path, "w") as f:
        for name, values in columns.items():
            if name not in drop and name.split("/")[0] not in drop:
                f[name] = values
    return path


def ramp(seed, ticks=TICKS):
    """Samples of one wire that tell it from others: [ticks], exact in int16 counts of 1/16."""
    return (np.arange(ticks) % 7 + seed) * 0.25


def two_events():
    """One event of five wires with gaps between them, one of a single wire."""
    first = [(2, w, ramp(w)) for w in (3, 4, 5, 9, 16)]
    return [(7, 1, 10, first), (7, 1, 11, [(2, 0, ramp(1))])]
