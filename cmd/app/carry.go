package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"flyleaf/crdt/bundle"
	"flyleaf/node"
	"flyleaf/qa"
)

// What carries a whole event, changes and signatures, without a network: bundles
// written by export and merged by import, and the .automerge file.

// mergeReport is what `import --json` prints for a bundle.
type mergeReport struct {
	File string `json:"file"`
	node.Merged
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
	results := []mergeReport{}
	bad := 0
	err := a.with(ctx, func(ctx context.Context, b backend) error {
		for i, raw := range bundles {
			m, err := b.Merge(ctx, raw)
			if err != nil {
				return a.explain(fmt.Errorf("%s: %w", files[i], err))
			}
			bad += len(m.Refused)
			results = append(results, mergeReport{files[i], m})
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

func (a *app) printMerged(results []mergeReport) error {
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
