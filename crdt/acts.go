package crdt

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"

	"flyleaf/qa"
	"flyleaf/schema"
)

// planGenesis plans the first change of an event: all root maps, the event's own fields, and
// the maps inside `event` and `draw` that two people might otherwise make concurrently.
func planGenesis(e *qa.Event) *plan {
	p := &plan{exact: true}
	kind, access := cmp.Or(e.Kind, schema.KindEvent), cmp.Or(e.Access, schema.AccessOpen)
	p.set(rootHandle, schema.KeyKind, kind)
	p.set(rootHandle, schema.KeyRulesVersion, uint64(schema.RulesVersion))
	p.set(rootHandle, schema.KeyAccess, access)
	about := p.makeMap(rootHandle, kind)
	if kind == schema.KindClub {
		p.makeMap(rootHandle, schema.KeyWeeks)
	}
	fields := e.Fields()
	inX := maps.Clone(e.X)
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		r := schema.FieldOf(kind, name)
		switch {
		case r == nil: // a club has only few of an event's fields
		case r.In == schema.MapEventX:
			if inX == nil {
				inX = map[string]string{}
			}
			inX[r.Key], _ = fields[name].(string)
		default:
			p.set(about, r.Key, fields[name])
		}
	}
	if kind != schema.KindClub {
		links := p.makeMap(about, schema.KeyLinks)
		for i := range e.Links {
			p.link(p.makeMap(links, strconv.Itoa(i)), e.Links[i])
		}
	}
	x := p.makeMap(about, schema.KeyX)
	for _, key := range slices.Sorted(maps.Keys(inX)) {
		p.set(x, key, inX[key])
	}
	made := map[string]handle{}
	for _, r := range schema.MapRoot.Maps() {
		if r.Only == "" {
			made[r.Key] = p.makeMap(rootHandle, r.Key)
		}
	}
	for _, r := range schema.MapDraw.Maps() {
		p.makeMap(made[schema.KeyDraw], r.Key)
	}
	for i, r := range e.Relays {
		p.set(made[schema.KeyRelays], strconv.Itoa(i), r)
	}
	grants := map[qa.Identity]handle{}
	for _, g := range e.Roles {
		of, ok := grants[g.ID]
		if !ok {
			of = p.makeMap(made[schema.KeyRoles], string(g.ID))
			grants[g.ID] = of
		}
		p.set(of, string(g.Role), true)
	}
	return p
}

// link sets the fields of a link.
func (p *plan) link(in handle, l qa.Link) {
	for _, r := range schema.MapLink.Values() {
		p.set(in, r.Key, qa.Field(&l, r.Field))
	}
}

// plan plans the change of a valid act. It does not modify the document.
func (d *Document) plan(a *qa.Act, start uint64) (*plan, error) {
	switch a.Kind {
	case qa.ActPost:
		return d.planPost(a, start)
	case qa.ActEdit:
		return d.planEdit(a, start)
	case qa.ActWithdraw:
		return d.planWithdraw(a)
	case qa.ActExtra:
		return d.planExtra(a)
	case qa.ActReact:
		return d.planReact(a)
	case qa.ActPerson:
		return d.planPerson(a)
	case qa.ActEvent:
		return d.planEvent(a)
	case qa.ActRole:
		return d.planRole(a)
	case qa.ActMark:
		return d.planMark(a)
	case qa.ActInvite:
		role, _ := a.Role.InvitedAs()
		return d.planFlag(schema.KeyRoles, string(a.Identity), string(role), a.On)
	case qa.ActClaim:
		return d.planClaim(a)
	case qa.ActAdmit:
		return d.planAdmit(a)
	case qa.ActBlock:
		return d.planBlock(a)
	case qa.ActWinner:
		return d.planWinner(a)
	case qa.ActDraw:
		return d.planDraw(a)
	case qa.ActContact:
		return d.planBytes(schema.KeyContacts, string(d.me), a.Bytes)
	case qa.ActBlob:
		return d.planBlob(a)
	case qa.ActWeek:
		return d.planWeek(a)
	}
	return nil, fmt.Errorf("an act of kind %q does not apply to an existing event: %w", a.Kind, qa.ErrBadValue)
}

// descend follows a path of maps from the root. missing is true if one of them does not
// exist.
func (d *Document) descend(path ...string) (h handle, missing bool, err error) {
	at := d.eng.root()
	for _, key := range path {
		_, child, found, err := d.eng.get(at, key)
		if err != nil {
			return handle{}, false, err
		}
		if !found {
			return handle{}, true, nil
		}
		if child == nil {
			return handle{}, false, fmt.Errorf("%q is not a map: %w", key, ErrNotEvent)
		}
		at = child
	}
	return handle{obj: at}, false, nil
}

// rootMap returns a map at the root.
func (d *Document) rootMap(key string) (handle, error) {
	h, missing, err := d.descend(key)
	if err == nil && missing {
		err = fmt.Errorf("%q is missing: %w", key, ErrNotEvent)
	}
	return h, err
}

// child returns the map at a key, and plans to make it if it does not exist. A map that is
// itself only planned has no children yet.
func (d *Document) child(p *plan, in handle, key string) (h handle, isNew bool, err error) {
	if in.obj != nil {
		_, obj, found, err := d.eng.get(in.obj, key)
		if err != nil {
			return handle{}, false, err
		}
		if found && obj == nil {
			return handle{}, false, fmt.Errorf("%q is not a map: %w", key, ErrNotEvent)
		}
		if found {
			return handle{obj: obj}, false, nil
		}
	}
	return p.makeMap(in, key), true, nil
}

// scalar returns the winning value of a key, nil if there is none.
func (d *Document) scalar(in handle, key string) (any, error) {
	if in.obj == nil {
		return nil, nil
	}
	v, _, _, err := d.eng.get(in.obj, key)
	return v, err
}

// setUnlessAbsent plans to set a key whose absence means the same as the value absent. It does
// nothing if the key is absent and the value is that one.
func (d *Document) setUnlessAbsent(p *plan, in handle, key string, value, absent any) error {
	now, err := d.scalar(in, key)
	if err != nil {
		return err
	}
	if now == nil && value == absent {
		return nil
	}
	p.set(in, key, value)
	return nil
}

func (d *Document) post(id qa.PostID) (handle, error) {
	h, missing, err := d.descend(schema.KeyPosts, string(id))
	if err == nil && missing {
		err = fmt.Errorf("post %s: %w", id, ErrNoPost)
	}
	return h, err
}

func (d *Document) ownPost(id qa.PostID) (handle, error) {
	h, err := d.post(id)
	if err == nil && !id.MadeBy(d.me) {
		err = fmt.Errorf("post %s: %w", id, ErrNotYours)
	}
	return h, err
}

// planPost plans a complete post: its map, the maps in it, its fields and its first revision.
// The IDs of post and revision are computed from operations, so every step must make exactly
// one.
func (d *Document) planPost(a *qa.Act, start uint64) (*plan, error) {
	if a.Parent != "" {
		if _, err := d.post(a.Parent); err != nil {
			return nil, err
		}
	}
	posts, err := d.rootMap(schema.KeyPosts)
	if err != nil {
		return nil, err
	}
	p := &plan{exact: true, post: qa.MakePostID(d.me, []byte(d.actor), start)}
	post := p.makeMap(posts, string(p.post))
	revisions := p.makeRequired(post, schema.MapPost)[schema.KeyRevisions]
	for _, r := range schema.MapPost.Values() {
		if v := a.PostValue(r.Key); r.Required || v != qa.Zero(r.Type) {
			p.set(post, r.Key, v)
		}
	}
	if len(a.X) > 0 {
		x := p.makeMap(post, schema.KeyX)
		for _, key := range slices.Sorted(maps.Keys(a.X)) {
			p.set(x, key, a.X[key])
		}
	}
	p.revise(revisions, a.Text, []byte(d.actor), start)
	return p, nil
}

// makeRequired makes the maps that a new map must contain, and returns them by their keys.
func (p *plan) makeRequired(in handle, m schema.Map) map[string]handle {
	made := map[string]handle{}
	for _, r := range m.Maps() {
		if r.Required {
			made[r.Key] = p.makeMap(in, r.Key)
			p.makeRequired(made[r.Key], r.Map)
		}
	}
	return made
}

// revise plans a new revision. Its ID is computed from its operation, so all steps before it
// must make exactly one operation each.
func (p *plan) revise(revisions handle, text string, actor []byte, start uint64) {
	p.revision = qa.MakeRevisionID(actor, start+uint64(len(p.steps)))
	p.set(revisions, string(p.revision), text)
}

func (d *Document) planEdit(a *qa.Act, start uint64) (*plan, error) {
	post, err := d.ownPost(a.Post)
	if err != nil {
		return nil, err
	}
	_, revisions, found, err := d.eng.get(post.obj, schema.KeyRevisions)
	if err != nil {
		return nil, err
	}
	if !found || revisions == nil {
		return nil, fmt.Errorf("post %s has no revisions: %w", a.Post, ErrNotEvent)
	}
	keys, err := d.eng.keys(revisions)
	if err != nil {
		return nil, err
	}
	if len(keys) == 1 {
		now, _, _, err := d.eng.get(revisions, keys[0])
		if err != nil {
			return nil, err
		}
		if now == a.Text {
			return &plan{}, nil
		}
	}
	p := &plan{exact: true}
	p.revise(handle{obj: revisions}, a.Text, []byte(d.actor), start)
	return p, nil
}

func (d *Document) planWithdraw(a *qa.Act) (*plan, error) {
	post, err := d.ownPost(a.Post)
	if err != nil {
		return nil, err
	}
	state := ""
	if a.On {
		state = schema.StateWithdrawn
	}
	p := &plan{}
	return p, d.setUnlessAbsent(p, post, schema.KeyState, state, "")
}

func (d *Document) planExtra(a *qa.Act) (*plan, error) {
	post, err := d.ownPost(a.Post)
	if err != nil {
		return nil, err
	}
	p := &plan{}
	x, _, err := d.child(p, post, schema.KeyX)
	if err != nil {
		return nil, err
	}
	for _, key := range slices.Sorted(maps.Keys(a.X)) {
		p.set(x, key, a.X[key])
	}
	return p, nil
}

func (d *Document) planReact(a *qa.Act) (*plan, error) {
	if _, err := d.post(a.Post); err != nil {
		return nil, err
	}
	reactions, missing, err := d.descend(schema.KeyPosts, string(a.Post), schema.KeyReactions)
	if err != nil {
		return nil, err
	}
	if missing {
		return nil, fmt.Errorf("post %s has no reactions: %w", a.Post, ErrNotEvent)
	}
	_, mine, found, err := d.eng.get(reactions.obj, string(d.me))
	if err != nil {
		return nil, err
	}
	p := &plan{}
	if !found {
		if a.On {
			p.set(p.makeMap(reactions, string(d.me)), a.Emoji, true)
		}
		return p, nil
	}
	if mine == nil {
		return nil, fmt.Errorf("the reactions on %s are not a map: %w", a.Post, ErrNotEvent)
	}
	if err := d.setUnlessAbsent(p, handle{obj: mine}, a.Emoji, a.On, false); err != nil || len(p.steps) == 0 {
		return p, err
	}
	keys, err := d.eng.keys(mine)
	if err != nil {
		return nil, err
	}
	if n := len(keys); n >= schema.MaxReactions && !slices.Contains(keys, a.Emoji) {
		return nil, &qa.FieldError{Field: schema.MapReactionsOf.Keyed().Name, Got: n + 1, Max: schema.MaxReactions, Err: qa.ErrTooMany}
	}
	return p, nil
}

func (d *Document) planPerson(a *qa.Act) (*plan, error) {
	if a.Person.ID != "" && a.Person.ID != d.me {
		return nil, &qa.FieldError{Field: schema.KeyPeople, Err: fmt.Errorf("%w: a person can change only their own profile", qa.ErrBadValue)}
	}
	people, err := d.rootMap(schema.KeyPeople)
	if err != nil {
		return nil, err
	}
	p := &plan{}
	var mine handle
	for _, r := range schema.MapPerson.Values() {
		v := qa.Field(a.Person, r.Field)
		if v == "" && !slices.Contains(a.Clear, r.Field) {
			continue
		}
		if mine == (handle{}) {
			if mine, _, err = d.child(p, people, string(d.me)); err != nil {
				return nil, err
			}
		}
		p.set(mine, r.Key, v)
	}
	return p, nil
}

func (d *Document) planRole(a *qa.Act) (*plan, error) {
	if a.Role == qa.RoleOrganiser && a.Identity == d.me && !a.On {
		return nil, &qa.FieldError{Field: schema.KeyRoles, Err: fmt.Errorf("%w: only the founder can end an organiser's role", qa.ErrBadValue)}
	}
	return d.planFlag(schema.KeyRoles, string(a.Identity), string(a.Role), a.On)
}

// planFlag sets <root>/<id>/<key>, and makes the map <root>/<id> if needed.
func (d *Document) planFlag(root, id, key string, on bool) (*plan, error) {
	top, err := d.rootMap(root)
	if err != nil {
		return nil, err
	}
	p := &plan{}
	of, isNew, err := d.child(p, top, id)
	if err != nil {
		return nil, err
	}
	if isNew && !on {
		return &plan{}, nil
	}
	return p, d.setUnlessAbsent(p, of, key, on, false)
}

func (d *Document) planMark(a *qa.Act) (*plan, error) {
	if _, err := d.post(a.Post); err != nil {
		return nil, err
	}
	marks, missing, err := d.descend(schema.KeyPosts, string(a.Post), schema.KeyMarks)
	if err == nil && missing {
		err = fmt.Errorf("post %s has no marks: %w", a.Post, ErrNotEvent)
	}
	if err != nil {
		return nil, err
	}
	p := &plan{}
	switch r := schema.MapMarks.Row(a.Mark); {
	case r.Map != schema.NoMap:
		of, isNew, err := d.child(p, marks, a.Mark)
		if err != nil {
			return nil, err
		}
		if isNew && !a.On {
			return &plan{}, nil
		}
		return p, d.setUnlessAbsent(p, of, string(a.Identity), a.On, false)
	case r.Type.IsString():
		if r.Type == schema.PostID && a.Text != "" {
			if _, err := d.post(qa.PostID(a.Text)); err != nil {
				return nil, err
			}
		}
		return p, d.setUnlessAbsent(p, marks, a.Mark, a.Text, "")
	}
	return p, d.setUnlessAbsent(p, marks, a.Mark, a.On, false)
}

// kind returns the kind of the document.
func (d *Document) kind() string {
	if d.club {
		return schema.KindClub
	}
	return schema.KindEvent
}

func (d *Document) planEvent(a *qa.Act) (*plan, error) {
	about, err := d.rootMap(d.kind())
	if err != nil {
		return nil, err
	}
	p := &plan{}
	x := handle{}
	for _, field := range slices.Sorted(maps.Keys(a.Fields)) {
		r := schema.FieldOf(d.kind(), field)
		if r == nil {
			return nil, &qa.FieldError{Field: "club/" + field, Err: fmt.Errorf("%w: a club has no such field", qa.ErrBadValue)}
		}
		in := about
		if r.In == schema.MapEventX {
			if x == (handle{}) {
				if x, _, err = d.child(p, about, schema.KeyX); err != nil {
					return nil, err
				}
			}
			in = x
		}
		if err := d.setUnlessAbsent(p, in, r.Key, a.Fields[field], qa.Zero(r.Type)); err != nil {
			return nil, err
		}
	}
	if a.Links != nil {
		if d.club {
			return nil, &qa.FieldError{Field: "club/links", Err: fmt.Errorf("%w: a club has no links", qa.ErrBadValue)}
		}
		if err := d.planLinks(p, about, a.Links); err != nil {
			return nil, err
		}
	}
	if a.Relays != nil {
		relays, err := d.rootMap(schema.KeyRelays)
		if err != nil {
			return nil, err
		}
		for i := range schema.MaxRelays {
			v := ""
			if i < len(a.Relays) {
				v = a.Relays[i]
			}
			if err := d.setUnlessAbsent(p, relays, strconv.Itoa(i), v, ""); err != nil {
				return nil, err
			}
		}
	}
	return p, nil
}

// planLinks replaces all links. Keys are never deleted, so further old links are set to empty
// values.
func (d *Document) planLinks(p *plan, about handle, links []qa.Link) error {
	all, _, err := d.child(p, about, schema.KeyLinks)
	if err != nil {
		return err
	}
	for i := range schema.MaxLinks {
		key := strconv.Itoa(i)
		if i < len(links) {
			at, _, err := d.child(p, all, key)
			if err != nil {
				return err
			}
			p.link(at, links[i])
			continue
		}
		if all.obj == nil {
			return nil
		}
		_, at, found, err := d.eng.get(all.obj, key)
		if err != nil {
			return err
		}
		if found && at != nil {
			p.link(handle{obj: at}, qa.Link{})
		}
	}
	return nil
}
