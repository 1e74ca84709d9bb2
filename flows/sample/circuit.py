"""Made-up circuits: closed curves of straights and arcs, with a pit lane beside the main straight.

Distances are metres along the centre line from the finish line, coordinates metres in the circuit's own frame.
Everything that has a place (stops, timing lines, pit lane) sits on a node of a grid of about 2 m.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

#: Metres between the nodes of a circuit, about.
NODE_SPACING_M = 2.0
#: Where the pit lane begins before, and ends after, the finish line.
PIT_ENTRY_M, PIT_EXIT_M = 330.0, 300.0
#: How far beside the centre line the pit lane runs, and the stretch over which it leaves and joins the track.
PIT_LATERAL_M, PIT_RAMP_M = 15.0, 60.0

_TOP_SPEED = 88.0  # m/s
_GRIP = 27.0  # m/s2 sideways
_BRAKING = 26.0  # m/s2
_FIRST_ACCELERATION = 11.0  # m/s2, falling to nothing at _ACCELERATION_END
_ACCELERATION_END = 97.0  # m/s


@dataclass(frozen=True)
class Circuit:
    """A circuit as node arrays of shape (nodes,), ``spacing_m`` metres apart, node 0 on the finish line.

    ``x_m``, ``y_m``, ``z_m`` the centre line, ``normal_x``, ``normal_y`` the unit vector to its right,
    ``speed`` the fastest possible speed in m/s. ``sector_nodes`` end sectors 1 and 2; ``corners`` are (node, x, y).
    """

    key: int
    name: str
    rotation_deg: float
    spacing_m: float
    x_m: Floats
    y_m: Floats
    z_m: Floats
    normal_x: Floats
    normal_y: Floats
    speed: Floats
    sector_nodes: tuple[int, int]
    corners: tuple[tuple[int, float, float], ...]

    @property
    def nodes(self) -> int:
        """How many nodes one lap has."""
        return len(self.x_m)

    @property
    def length_m(self) -> float:
        """Length of a lap in metres."""
        return self.nodes * self.spacing_m

    def node_of(self, distance_m: float) -> int:
        """Return the node nearest to a distance in metres."""
        return round(distance_m / self.spacing_m)

    def place(self, distance_m: Floats, lateral_m: Floats) -> tuple[Floats, Floats, Floats]:
        """Return x, y, z in metres of places ``distance_m`` along and ``lateral_m`` to the right of the centre line."""
        along = np.mod(distance_m, self.length_m) / self.spacing_m
        low = np.floor(along).astype(np.int64) % self.nodes
        high = (low + 1) % self.nodes
        part = along - np.floor(along)

        def between(values: Floats) -> Floats:
            return values[low] + part * (values[high] - values[low])

        x = between(self.x_m) + lateral_m * between(self.normal_x)
        y = between(self.y_m) + lateral_m * between(self.normal_y)
        return x, y, between(self.z_m)


def build_circuit(
    key: int,
    name: str,
    rotation_deg: float,
    vertices_m: list[tuple[float, float, float]],
    origin_m: tuple[float, float],
) -> Circuit:
    """Round a polygon's corners into a circuit.

    ``vertices_m`` are (x, y, radius) in driving order; the main straight runs from the first to the second and the
    finish line lies on it, ``PIT_ENTRY_M`` plus 100 m after the first corner. ``origin_m`` shifts the whole map.
    """
    points, curvature, corner_places = _trace(vertices_m)
    spacing = np.hypot(*np.diff(np.vstack([points, points[:1]]), axis=0).T)
    along = np.concatenate([[0.0], np.cumsum(spacing)])
    length = float(along[-1])
    nodes = round(length / NODE_SPACING_M)
    step = length / nodes
    line = PIT_ENTRY_M + 100.0
    places = np.mod(line + np.arange(nodes) * step, length)
    closed = np.vstack([points, points[:1]])
    x = np.interp(places, along, closed[:, 0]) + origin_m[0]
    y = np.interp(places, along, closed[:, 1]) + origin_m[1]
    bend = np.interp(places, along, np.append(curvature, curvature[0]))
    tangent_x, tangent_y = np.roll(x, -1) - np.roll(x, 1), np.roll(y, -1) - np.roll(y, 1)
    norm = np.hypot(tangent_x, tangent_y)
    turn = 2 * np.pi * np.arange(nodes) / nodes
    corners = []
    for place_x, place_y in corner_places:
        distance = np.hypot(x - origin_m[0] - place_x, y - origin_m[1] - place_y)
        node = int(np.argmin(distance))
        corners.append((node, float(x[node]), float(y[node])))
    return Circuit(
        key=key,
        name=name,
        rotation_deg=rotation_deg,
        spacing_m=step,
        x_m=x,
        y_m=y,
        z_m=6.0 * np.sin(turn) + 3.0 * np.cos(3 * turn),
        normal_x=tangent_y / norm,
        normal_y=-tangent_x / norm,
        speed=_fastest(bend, step),
        sector_nodes=(round(0.31 * nodes), round(0.67 * nodes)),
        corners=tuple(sorted(corners)),
    )


def _trace(vertices_m: list[tuple[float, float, float]]) -> tuple[Floats, Floats, list[tuple[float, float]]]:
    """Return points every half metre, the curvature (1/m) at each, and the middle of every corner."""
    corners = np.array([(x, y) for x, y, _ in vertices_m])
    count = len(corners)
    pieces: list[Floats] = []
    bends: list[Floats] = []
    middles: list[tuple[float, float]] = []
    arcs = []
    for i, (_, _, radius) in enumerate(vertices_m):
        into = corners[i] - corners[i - 1]
        out = corners[(i + 1) % count] - corners[i]
        into, out = into / np.hypot(*into), out / np.hypot(*out)
        angle = float(np.arctan2(into[0] * out[1] - into[1] * out[0], into @ out))
        tangent = radius * np.tan(abs(angle) / 2)
        start = corners[i] - tangent * into
        centre = start + radius * np.sign(angle) * np.array([-into[1], into[0]])
        arcs.append((start, corners[i] + tangent * out, centre, angle, radius))
    for i, (start, end, centre, angle, radius) in enumerate(arcs):
        count_arc = max(4, round(abs(angle) * radius * 2))
        spoke = start - centre
        turns = np.linspace(0, angle, count_arc, endpoint=False)
        arc = np.column_stack(
            [
                centre[0] + spoke[0] * np.cos(turns) - spoke[1] * np.sin(turns),
                centre[1] + spoke[0] * np.sin(turns) + spoke[1] * np.cos(turns),
            ]
        )
        after = arcs[(i + 1) % count][0]
        count_line = max(2, round(float(np.hypot(*(after - end))) * 2))
        line = end + np.linspace(0, 1, count_line, endpoint=False)[:, None] * (after - end)
        pieces += [arc, line]
        bends += [np.full(len(arc), 1 / radius), np.zeros(len(line))]
        middles.append((float(arc[len(arc) // 2, 0]), float(arc[len(arc) // 2, 1])))
    points = np.vstack(pieces)
    # The main straight begins where the first corner ends.
    first = len(pieces[0])
    return np.roll(points, -first, axis=0), np.roll(np.concatenate(bends), -first), middles


def _fastest(curvature: Floats, step: float) -> Floats:
    """Return the fastest speed (m/s) at every node that grip, engine and brakes allow on a flying lap."""
    corner = np.sqrt(_GRIP / np.maximum(curvature, _GRIP / _TOP_SPEED**2))
    speed = [float(value) for value in corner]
    count = len(speed)
    for i in range(2 * count):
        now, after = i % count, (i + 1) % count
        gain = _FIRST_ACCELERATION * (1 - (speed[now] / _ACCELERATION_END) ** 2)
        speed[after] = min(speed[after], (speed[now] ** 2 + 2 * gain * step) ** 0.5)
    for i in reversed(range(2 * count)):
        now, after = i % count, (i + 1) % count
        speed[now] = min(speed[now], (speed[after] ** 2 + 2 * _BRAKING * step) ** 0.5)
    return np.array(speed)


#: The circuit of each round. Each has two straights a short way apart that are driven in opposite directions.
CIRCUITS: dict[int, Circuit] = {
    1: build_circuit(
        901,
        "Larkmoor Park",
        41.0,
        [
            (-250, 0, 70),
            (1000, 0, 55),
            (1080, 380, 90),
            (720, 430, 50),
            (740, 45, 21),
            (260, 45, 21),
            (200, 480, 70),
            (-300, 420, 90),
        ],
        (-310.0, 120.0),
    ),
    2: build_circuit(
        902,
        "Porto Seliga",
        -67.0,
        [
            (-200, 0, 60),
            (1050, 0, 55),
            (1000, -330, 90),
            (640, -400, 55),
            (560, -42, 19),
            (200, -42, 19),
            (120, -430, 80),
            (-380, -330, 75),
        ],
        (150.0, 400.0),
    ),
    3: build_circuit(
        903,
        "Vantry Heights",
        12.0,
        [
            (-250, 0, 80),
            (1000, 0, 70),
            (1180, 300, 75),
            (820, 520, 110),
            (560, 38, 17),
            (140, 38, 17),
            (60, 300, 70),
            (-180, 520, 90),
            (-520, 260, 75),
        ],
        (20.0, -260.0),
    ),
}
