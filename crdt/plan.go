package crdt

import (
	"bytes"
	"fmt"

	"flyleaf/crdt/wire"
	"flyleaf/qa"
)

// handle refers to a map in a plan: a map of the document, or one that a step of the plan
// makes.
type handle struct {
	obj  object
	made int // 1 + the index of the step, 0 if obj is set
}

// step sets one key: to a scalar, or to a new map if scalar is nil.
type step struct {
	in     handle
	key    string
	scalar any
	obj    object // the new map, once it has been made
}

// plan is the change that an act will make. It is complete and checked before the first step
// runs, because automerge-go cannot roll back.
type plan struct {
	steps []step
	empty bool // commit even without steps

	post     qa.PostID
	revision qa.RevisionID
	// exact: every step makes exactly one operation, so step k has the counter start + k.
	exact bool
}

// rootHandle stands for the root of a document that does not exist yet.
var rootHandle = handle{}

func (p *plan) makeMap(in handle, key string) handle {
	p.steps = append(p.steps, step{in: in, key: key})
	return handle{made: len(p.steps)}
}

func (p *plan) set(in handle, key string, scalar any) {
	p.steps = append(p.steps, step{in: in, key: key, scalar: scalar})
}

// The sizes in bytes that check assumes: for an operation without its key and value, in all
// columns and without compression; and for a change without operations.
const (
	opOverhead     = 40
	changeOverhead = 512
)

// check returns ErrTooBig for a plan whose change might exceed the limits of a change.
func (p *plan) check() error {
	if len(p.steps) > wire.MaxOps {
		return fmt.Errorf("%d operations, at most %d: %w", len(p.steps), wire.MaxOps, ErrTooBig)
	}
	size := changeOverhead
	for i := range p.steps {
		s := &p.steps[i]
		size += opOverhead + len(s.key)
		switch v := s.scalar.(type) {
		case string:
			size += len(v)
		case []byte:
			size += len(v)
		}
	}
	if size > wire.MaxChange {
		return fmt.Errorf("about %d bytes, at most %d: %w", size, wire.MaxChange, ErrTooBig)
	}
	return nil
}

func (p *plan) run(e engine) error {
	root := e.root()
	e.begin()
	for i := range p.steps {
		s := &p.steps[i]
		in := s.in.obj
		switch {
		case s.in.made > 0:
			in = p.steps[s.in.made-1].obj
		case in == nil:
			in = root
		}
		var err error
		if s.scalar == nil {
			s.obj, err = e.makeMap(in, s.key)
		} else {
			err = e.set(in, s.key, s.scalar)
		}
		if err != nil {
			return fmt.Errorf("set %q: %w", s.key, err)
		}
	}
	return nil
}

// verify checks that the operations of a change are the plan's steps in the same order. The
// engine omits steps that change nothing; in an exact plan no step may be missing.
func (p *plan) verify(c *wire.Change) error {
	if p.exact && len(c.Ops) != len(p.steps) {
		return errOtherChange
	}
	k := 0
	for i := range c.Ops {
		op := &c.Ops[i]
		if op.Key.Kind != wire.MapKey || op.Insert {
			return errOtherChange
		}
		for k < len(p.steps) && !p.steps[k].matches(op) {
			if p.exact {
				return errOtherChange
			}
			k++
		}
		if k == len(p.steps) {
			return errOtherChange
		}
		k++
	}
	return nil
}

func (s *step) matches(op *wire.Op) bool {
	if op.Key.Prop != s.key {
		return false
	}
	if s.scalar == nil {
		return op.Action == wire.MakeMap
	}
	if op.Action != wire.Set {
		return false
	}
	switch want := s.scalar.(type) {
	case string:
		v, ok := op.Value.Str()
		return ok && v == want
	case bool:
		v, ok := op.Value.Bool()
		return ok && v == want
	case int64:
		v, ok := op.Value.Int()
		return ok && v == want
	case uint64:
		v, ok := op.Value.Uint()
		return ok && v == want
	case []byte:
		v, ok := op.Value.Bin()
		return ok && bytes.Equal(v, want)
	}
	return false
}
