package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"

	"flyleaf/crdt/bundle"
	"flyleaf/qa"
)

// What carries a whole event, changes and signatures, without a network: bundles
// written by export and merged by import, and the .automerge file.

// mergeResult is what `import --json` prints for a bundle.
type mergeResult struct {
	File    string     `json:"file"`
	Event   qa.EventID `json:"event"`
	Title   string     `json:"title"`
	Format  string     `json:"format"`  // "bundle"
	Taken   int        `json:"taken"`   // changes that are new here
	Known   int        `json:"known"`   // that were here already
	Waiting int        `json:"waiting"` // that build on changes which are in neither
	Left    int        `json:"left"`    // that are proof of a writer's lie, or build on it
	Refused []refusal  `json:"refused"` // that are not valid
}

// Bundle writes an event's changes as one file.
func (l *local) Bundle(ctx context.Context, event qa.EventID) ([]byte, error) {
	var out bytes.Buffer
	if err := l.node.Bundle(ctx, event, &out); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

// Merge takes a bundle in.
func (l *local) Merge(ctx context.Context, b []byte) (mergeResult, error) {
	event, changes, err := bundle.Read(b)
	if err != nil {
		return mergeResult{}, codedf(exitRefused, "%w; nothing was changed", err)
	}
	m, err := l.node.Merge(ctx, event, changes)
	out := mergeResult{Event: event, Format: "bundle", Taken: m.Taken, Known: m.Known, Waiting: m.Waiting, Left: m.Left, Refused: []refusal{}}
	if err != nil {
		return out, err
	}
	for _, r := range m.Refused {
		out.Refused = append(out.Refused, refusal{r.Hash.String(), r.Code, r.Reason, r.Deferred})
	}
	week, err := l.node.Week(ctx, event)
	out.Title = week.Event.Title
	return out, err
}

// Blob returns what an event keeps under a key.
func (l *local) Blob(ctx context.Context, event qa.EventID, key string) ([]byte, error) {
	b, err := l.node.Blob(ctx, event, key)
	return b, explainNotFound(err)
}

// explainNotFound gives the error of something that is not here its exit code, which
// it keeps on the way from a running process.
func explainNotFound(err error) error {
	if isNotFound(err) {
		return coded(exitNotFound, err)
	}
	return err
}

// carryHandler adds to the local socket what carries bytes as they are.
func carryHandler(mux *http.ServeMux, b backend) {
	mux.HandleFunc("GET /bundle/{event}", func(w http.ResponseWriter, r *http.Request) {
		out, err := b.Bundle(r.Context(), qa.EventID(r.PathValue("event")))
		if err != nil {
			writeRPC(w, http.StatusUnprocessableEntity, rpcError{Message: err.Error(), Code: codeOf(err)})
			return
		}
		_, _ = w.Write(out) // the caller that went away hears nothing, and needs nothing
	})
	mux.HandleFunc("GET /blob/{event}/{key}", func(w http.ResponseWriter, r *http.Request) {
		out, err := b.Blob(r.Context(), qa.EventID(r.PathValue("event")), r.PathValue("key"))
		if err != nil {
			writeRPC(w, http.StatusUnprocessableEntity, rpcError{Message: err.Error(), Code: codeOf(err)})
			return
		}
		_, _ = w.Write(out) // as above
	})
	mux.HandleFunc("POST /bundle", func(w http.ResponseWriter, r *http.Request) {
		in, err := io.ReadAll(http.MaxBytesReader(w, r.Body, bundle.MaxSize))
		if err != nil {
			writeRPC(w, http.StatusBadRequest, rpcError{Message: "the bundle cannot be read: " + err.Error() + "; nothing was changed", Code: exitRefused})
			return
		}
		m, err := b.Merge(r.Context(), in)
		if err != nil {
			writeRPC(w, http.StatusUnprocessableEntity, rpcError{Message: err.Error(), Code: codeOf(err)})
			return
		}
		writeRPC(w, http.StatusOK, m)
	})
}

func (r *remote) Bundle(ctx context.Context, event qa.EventID) ([]byte, error) {
	return r.exchange(ctx, http.MethodGet, "/bundle/"+url.PathEscape(string(event)), nil)
}

func (r *remote) Blob(ctx context.Context, event qa.EventID, key string) ([]byte, error) {
	return r.exchange(ctx, http.MethodGet, "/blob/"+url.PathEscape(string(event))+"/"+url.PathEscape(key), nil)
}

func (r *remote) Merge(ctx context.Context, b []byte) (mergeResult, error) {
	return decodeRPC[mergeResult](r.exchange(ctx, http.MethodPost, "/bundle", b))
}

// exportChanges writes an event's changes to a file or to standard output.
func (a *app) exportChanges(ctx context.Context, event, format, out string) error {
	return a.withEvent(ctx, event, func(ctx context.Context, b backend, id qa.EventID) error {
		buf, err := b.Bundle(ctx, id)
		if err != nil {
			return a.explain(err)
		}
		if format == "automerge" {
			_, changes, err := bundle.Read(buf)
			if err != nil {
				return err
			}
			// Automerge reads changes one after another as it reads its own files.
			chunks := make([][]byte, len(changes))
			for i, c := range changes {
				chunks[i] = c.Bytes
			}
			buf = bytes.Join(chunks, nil)
		}
		return a.writeExport(out, buf)
	})
}

func (a *app) writeExport(out string, b []byte) error {
	if out == "" || out == "-" {
		_, err := a.std.out.Write(b)
		return err
	}
	if err := writeOutput(out, b); err != nil {
		return fmt.Errorf("writing the export: %w", err)
	}
	return nil
}

// readBundles reads the files if the first of them is a bundle; nil if it is not.
func readBundles(files []string) ([][]byte, error) {
	var out [][]byte
	for i, file := range files {
		b, err := readBounded(file, bundle.MaxSize+1)
		switch {
		case i == 0 && (err != nil || !bundle.Is(b)):
			return nil, nil // a week, whose reader says better what is wrong with it
		case err != nil:
			return nil, coded(exitRefused, err)
		case !bundle.Is(b):
			return nil, codedf(exitUsage, "%s is no bundle, but %s is: import them one after the other; nothing was changed", file, files[0])
		}
		// Read before the first is taken, so that a damaged one stops nothing halfway.
		if _, _, err := bundle.Read(b); err != nil {
			return nil, codedf(exitRefused, "%s: %w; nothing was changed", file, err)
		}
		out = append(out, b)
	}
	return out, nil
}

// mergeBundles takes bundles in and says what they brought.
func (a *app) mergeBundles(ctx context.Context, files []string, bundles [][]byte) error {
	results := []mergeResult{}
	bad := 0
	err := a.with(ctx, func(ctx context.Context, b backend) error {
		for i, raw := range bundles {
			m, err := b.Merge(ctx, raw)
			if err != nil {
				return a.explain(fmt.Errorf("%s: %w", files[i], err))
			}
			m.File = files[i]
			bad += len(m.Refused)
			results = append(results, m)
		}
		return nil
	})
	if len(results) > 0 {
		err = errors.Join(err, a.printMerged(results))
	}
	if err == nil && bad > 0 {
		err = codedf(exitRefused, "%s not valid and not taken; what else is in the event is safe", counted(bad, "change was", "changes were"))
	}
	return err
}

func (a *app) printMerged(results []mergeResult) error {
	if a.json {
		if len(results) == 1 {
			return a.printJSON(results[0])
		}
		return a.printJSON(results)
	}
	for _, m := range results {
		a.printf("%s: %s (bundle)\n", m.File, plain(m.Title))
		a.printf("  %s taken, %s here already\n", counted(m.Taken, "change", "changes"), counted(m.Known, "was", "were"))
		a.printf("  event %s\n", m.Event)
		if m.Waiting > 0 {
			a.printf("  %s for others that are not here\n", counted(m.Waiting, "change waits", "changes wait"))
		}
		if m.Left > 0 {
			a.printf("  %s kept and not shown: a writer gave one number to two changes\n", counted(m.Left, "change is", "changes are"))
		}
		for i, r := range m.Refused {
			if i == maxListed {
				a.printf("  and %d more not taken; --json lists all\n", len(m.Refused)-i)
				break
			}
			a.printf("  not taken: %s  %s: %s\n", r.Hash, plain(r.Code), plain(r.Reason))
		}
	}
	return nil
}
