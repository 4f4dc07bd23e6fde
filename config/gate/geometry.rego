# Polygons are lists of [x, y], metres, in the site's frame; the last corner joins the first.
package geometry

import rego.v1

# Winding number: edges that pass the point upwards on its right, less those that pass downwards.
inside(x, y, polygon) if {
	upwards := [edge |
		some edge in edges(polygon)
		edge[0][1] <= y
		y < edge[1][1]
		side(x, y, edge[0], edge[1]) > 0
	]
	downwards := [edge |
		some edge in edges(polygon)
		edge[1][1] <= y
		y < edge[0][1]
		side(x, y, edge[0], edge[1]) < 0
	]
	count(upwards) != count(downwards)
}

# Whether a disc touches the polygon or lies in it.
touches(x, y, radius, polygon) if {
	in_box(x, y, radius, polygon)
	inside(x, y, polygon)
}

touches(x, y, radius, polygon) if {
	in_box(x, y, radius, polygon)
	some edge in edges(polygon)
	squared_distance(x, y, edge[0], edge[1]) <= radius * radius
}

# Cheap to refuse: most zones are far away.
in_box(x, y, radius, polygon) if {
	not all_above(polygon, 0, x + radius)
	not all_below(polygon, 0, x - radius)
	not all_above(polygon, 1, y + radius)
	not all_below(polygon, 1, y - radius)
}

all_above(polygon, axis, limit) if {
	every corner in polygon {
		corner[axis] > limit
	}
}

all_below(polygon, axis, limit) if {
	every corner in polygon {
		corner[axis] < limit
	}
}

edges(polygon) := [[polygon[i], polygon[(i + 1) % count(polygon)]] |
	some i in numbers.range(0, count(polygon) - 1)
]

# Positive where (x, y) is to the left of the line from a to b.
side(x, y, a, b) := ((b[0] - a[0]) * (y - a[1])) - ((x - a[0]) * (b[1] - a[1]))

squared_distance(x, y, a, b) := (dx * dx) + (dy * dy) if {
	ux := b[0] - a[0]
	uy := b[1] - a[1]
	share := to_unit((((x - a[0]) * ux) + ((y - a[1]) * uy)) / ((ux * ux) + (uy * uy)))
	dx := x - (a[0] + (share * ux))
	dy := y - (a[1] + (share * uy))
}

to_unit(value) := 0 if value < 0

to_unit(value) := value if {
	value >= 0
	value <= 1
}

to_unit(value) := 1 if value > 1
