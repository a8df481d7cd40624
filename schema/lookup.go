package schema

import (
	"cmp"
	"strings"
)

// mapInfo is the information about one map, derived from the table.
type mapInfo struct {
	fixed  map[string]*Row // rows of fixed keys, by key
	keyed  *Row            // the row of all other keys
	values []*Row          // the values among fixed, in the order of the table
	maps   []*Row          // the maps among fixed, in the order of the table
	own    *Row            // the row of the map itself
	act    Act
	view   View
}

var (
	rows []*Row
	// eventFields are the Fields of an event. Those in its map x come last.
	eventFields []*Row
	infos       [Maps]mapInfo
	labels      = map[string]string{} // by Row.Name
	// postParts is the union of Row.Part of all required parts of a post.
	postParts uint32
	// genesisParts is the union of Row.Part of all required parts of a genesis, by kind.
	genesisParts = map[string]uint32{}
)

func init() {
	infos[MapRoot].view = ViewEvent
	for i := range table {
		in := table[i].in
		infos[in].fixed = make(map[string]*Row, len(table[i].rows))
		for k := range table[i].rows {
			r := &table[i].rows[k]
			r.In = in
			r.fillDerived()
			rows = append(rows, r)
		}
	}
	maxOperations = countOperations()
	eventFields = append(append(eventFields, MapEvent.Values()...), MapEventX.Values()...)
}

// fillDerived fills in the derived fields of a row.
func (r *Row) fillDerived() {
	m := &infos[r.In]
	r.Path = r.Key
	if m.own != nil {
		r.Path = m.own.Path + "/" + r.Key
	}
	r.Name = cmp.Or(r.Name, nameOf(r.Path))
	r.Field = cmp.Or(r.Field, r.Key)
	if m.own != nil {
		r.Did = cmp.Or(r.Did, m.own.Did)
	}
	if label, ok := strings.CutPrefix(r.Noun, "the "); ok && r.Label == "" {
		r.Label = label
	}
	if m.own != nil && m.own.Name == r.Name {
		r.Label = cmp.Or(r.Label, m.own.Label)
	}
	if labels[r.Name] == "" {
		labels[r.Name] = r.Label
	}
	if r.Noun != "" && r.On == "" {
		r.On, r.Off = "changed "+r.Noun+" to {value}", "removed "+r.Noun
	}
	if r.Keys != IsMap {
		m.keyed = r
	} else {
		m.fixed[r.Key] = r
		if r.Map == NoMap {
			m.values = append(m.values, r)
		} else {
			m.maps = append(m.maps, r)
		}
	}
	if r.Map != NoMap {
		child := &infos[r.Map]
		child.own, child.act, child.view = r, cmp.Or(r.Act, m.act), r.View
		if r.In != MapRoot {
			child.view = cmp.Or(r.View, m.view)
		}
	}
	switch {
	case !r.Required:
	case r.In == MapRoot:
		all := genesisParts[KindEvent] | genesisParts[KindClub]
		r.Part = all + 1
		for _, kind := range []string{KindEvent, KindClub} {
			if r.Only == "" || r.Only == kind {
				genesisParts[kind] |= r.Part
			}
		}
	default:
		r.Part = postParts + 1
		postParts |= r.Part
	}
}

// nameOf returns a path without variable keys, such as "post/marks/hidden".
func nameOf(path string) string {
	var out []string
	for key := range strings.SplitSeq(path, "/") {
		switch {
		case strings.HasPrefix(key, "<"):
		case key == KeyPosts:
			out = append(out, "post")
		default:
			out = append(out, key)
		}
	}
	return strings.Join(out, "/")
}

// Rows returns all rows of the table, maps before their keys. The rows are shared and must not be
// modified.
func Rows() []*Row { return rows }

// Row returns the row of a key of the map, nil when the map has none. For a variable key it returns
// the common row. It does not check the form of the key.
func (m Map) Row(key string) *Row {
	i := &infos[m]
	if r := i.fixed[key]; r != nil {
		return r
	}
	return i.keyed
}

// Rule returns the row against which changes at a key of the map are validated. It is the row that
// Row returns, except for fields in a map x: earlier versions validate these by the common row of
// all its keys, and all versions have to agree on what is valid.
func (m Map) Rule(key string) *Row {
	if r := infos[m].keyed; r != nil {
		return r
	}
	return infos[m].fixed[key]
}

// Keyed returns the common row of a map's variable keys, nil when the map has none.
func (m Map) Keyed() *Row { return infos[m].keyed }

// Child returns the map at a key of the map: Unknown when the schema has none there.
func (m Map) Child(key string) Map {
	if r := m.Row(key); r != nil && r.Map != NoMap {
		return r.Map
	}
	return Unknown
}

// Find returns the row of a path from the root; nil when the schema has no such path.
func Find(path ...string) *Row {
	in, r := MapRoot, (*Row)(nil)
	for i, key := range path {
		if r = in.Row(key); r == nil || r.Map == NoMap && i < len(path)-1 {
			return nil
		}
		in = r.Map
	}
	return r
}

// Values returns the rows of the values with fixed keys in the map.
func (m Map) Values() []*Row { return infos[m].values }

// Maps returns the rows of the maps with fixed keys in the map.
func (m Map) Maps() []*Row { return infos[m].maps }

// Fields returns the scalar fields of an event or a club.
func Fields(kind string) []*Row {
	if kind == KindClub {
		return MapClub.Values()
	}
	return eventFields
}

// FieldOf returns the row of a field by its name, nil when there is none.
func FieldOf(kind, field string) *Row {
	for _, r := range Fields(kind) {
		if r.Field == field {
			return r
		}
	}
	return nil
}

// LabelOf returns the label of the rows with a name (Row.Name), "" when no row has it.
func LabelOf(name string) string { return labels[name] }

// IsField reports whether a key of a map x is a field of the schema, and not one that only other
// programs know.
func (m Map) IsField(key string) bool { return infos[m].fixed[key] != nil }

// Act returns the kind of act that operations in the map belong to.
func (m Map) Act() Act { return infos[m].act }

// View returns the view row to rebuild after a write to the map.
func (m Map) View() View { return infos[m].view }

// PartsOfPost returns the union of Row.Part of all required parts of a post.
func PartsOfPost() uint32 { return postParts }

// PartsOfGenesis returns the union of Row.Part of all required parts of the genesis of a kind.
func PartsOfGenesis(kind string) uint32 { return genesisParts[kind] }

// MaxOperations returns how many operations of a kind of act one change may have. It is at least as
// many as Flyleaf's largest act of the kind needs; a test in package crdt checks this. For the first
// change of an event only the bound of any change applies.
func MaxOperations(a Act) int { return maxOperations[a] }

var maxOperations [Acts]int

func countOperations() (most [Acts]int) {
	keys := func(m Map) int { return len(infos[m].fixed) }
	// All keys of an event, all its links, an x and all relays.
	most[ActEvent] = keys(MapEvent) + MaxLinks*(1+keys(MapLink)) + MaxXKeys + MaxRelays
	// A map, and each of its keys.
	most[ActWeek] = 1 + keys(MapWeek)
	most[ActPerson] = 1 + keys(MapPerson)
	most[ActRole] = 2 * keys(MapRolesOf) // Flyleaf needs at most 3 (granting an invitation)
	most[ActBlock] = 4
	most[ActClaim] = 1
	// The map with each of its keys, the two maps of the marks, a revision and an x.
	most[ActPost] = 1 + keys(MapPost) + 2 + 1 + MaxXKeys
	most[ActReact] = 1 + MaxReactions
	most[ActMark] = keys(MapMarks) + 2
	most[ActWinner] = 8
	most[ActDraw] = 5
	most[ActContact] = 1
	most[ActBlob] = 1
	return most
}
