package webui

import (
	"context"
	"errors"
	"sync"
	"time"

	"flyleaf/node"
)

// formulas are formulas that the converter has turned into MathML.
type formulas struct {
	mu    sync.Mutex
	known map[string]string // the formula, see server.formula; "" if it cannot be read
	after time.Time         // when the converter is asked again: it could not be reached
}

const (
	maxFormulas = 2000 // in memory
	// A browser may have to fetch the converter first. A page does not wait longer for it, and shows what was typed.
	formulaWait  = 10 * time.Second
	formulaRetry = 30 * time.Second
)

var errNoFormula = errors.New("this formula cannot be shown")

// formula is the markdown.Formula of pages. In a browser the converter is another program.
func (s *server) formula(tex string, display bool) (string, error) {
	key := "$" + tex
	if display {
		key = "$$" + tex
	}
	f := &s.formulas
	f.mu.Lock()
	defer f.mu.Unlock()
	xml, ok := f.known[key]
	if !ok {
		if s.now().Before(f.after) {
			return "", errNoFormula
		}
		ctx, cancel := context.WithTimeout(context.Background(), formulaWait)
		defer cancel()
		var err error
		if xml, err = s.converter.Formula(ctx, tex, display); err != nil && node.KindOf(err) != node.Invalid {
			f.after = s.now().Add(formulaRetry)
			return "", err
		}
		if f.known == nil || len(f.known) >= maxFormulas {
			f.known = map[string]string{}
		}
		f.known[key] = xml
	}
	if xml == "" {
		return "", errNoFormula
	}
	return xml, nil
}
