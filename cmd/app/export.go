package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"flyleaf/crdt/bundle"
	"flyleaf/node"
	"flyleaf/node/convert"
	"flyleaf/qa"
)

// The command export, and merging bundles. A bundle is a file with a whole event and its
// signatures; it needs no network.

func (a *app) exportCmd() *cobra.Command {
	var event, format, out string
	formats := node.ExportFormatNames()
	c := &cobra.Command{
		Use:   "export --format " + strings.Join(formats, "|") + " [flags]",
		Short: "Export a whole event, hidden posts included",
		Long: `Export a whole event, hidden posts included, to a file or to standard output: as data (json),
as a page (jekyll), or with its history (bundle, automerge). A bundle contains all changes
with their signatures: another device merges it with ` + "`flyleaf import`" + `, and
` + "`flyleaf verify`" + ` checks it. An .automerge file contains the changes without signatures, for other
programs that read Automerge. ` + "`flyleaf publish`" + ` writes only what everybody may read.`,
		Example: "  flyleaf export --format jekyll -o 20261130-the-patient-ledger.md\n  flyleaf export --format bundle -o the-patient-ledger.bundle",
		Args:    noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			i := slices.Index(formats, format)
			switch {
			case i < 0:
				return codedf(exitUsage, "--format is %s, not %q", oneOf(formats), format)
			case out == "" && !node.ExportFormats[i].Text():
				return codedf(exitUsage, "this format is not text: name a file with -o FILE, or use -o - for standard output")
			}
			return a.withEvent(c.Context(), event, func(ctx context.Context, b backend, id qa.EventID) error {
				x, err := node.Export(ctx, b, convert.Direct{}, id, format)
				if err != nil {
					return a.explain(err)
				}
				if x.LeftOut > 0 {
					fmt.Fprintf(a.std.err, "Note: %s not in the file. A device signed two versions of a change, and Automerge can store only one of them.\n", countedIs(x.LeftOut, "change"))
				}
				return a.writeExport(out, x.Data)
			})
		},
	}
	f := c.Flags()
	formatFlag(c, &format, "", formats)
	f.StringVarP(&out, "output", "o", "", "the `file` to write; standard output without it")
	return eventFlag(c, &event)
}

// mergeReport is the output of `import --json` for a bundle.
type mergeReport struct {
	File string `json:"file"`
	node.Merged
}

func (a *app) writeExport(out string, b []byte) error {
	if out == "" || out == "-" {
		_, err := a.std.out.Write(b)
		return err
	}
	if err := writeOutput(out, b); err != nil {
		return fmt.Errorf("writing the file: %w; nothing was changed", err)
	}
	return nil
}

// readBundles reads the files if the first is a bundle; otherwise it returns nil.
func readBundles(files []string) ([][]byte, error) {
	var out [][]byte
	for i, file := range files {
		b, err := readBounded(file, bundle.MaxSize+1)
		switch {
		case i == 0 && (err != nil || !bundle.IsBundle(b)):
			return nil, nil // readWeek says what is wrong with it
		case err != nil:
			return nil, coded(exitRefused, err)
		case !bundle.IsBundle(b):
			return nil, codedf(exitUsage, "%s is not a bundle, but %s is; nothing was changed. Import them separately", file, files[0])
		}
		// All files are read before the first is merged, so that a damaged one leaves nothing half done.
		if _, _, err := bundle.Read(b); err != nil {
			return nil, codedf(exitRefused, "%s: %w; nothing was changed", file, err)
		}
		out = append(out, b)
	}
	return out, nil
}

// mergeBundles merges bundles into their events and reports what was new.
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
		err = codedf(exitRefused, "%s invalid and not accepted; the rest of the event was merged", counted(bad, "change was", "changes were"))
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
		a.printf("  %s, %s on this device already\n", counted(m.Added, "new change", "new changes"), countedWas(m.Known, ""))
		a.printf("  event %s\n", m.Event)
		if m.MissingDependencies > 0 {
			a.printf("  %s for changes that are neither in the file nor on this device\n", counted(m.MissingDependencies, "change is waiting", "changes are waiting"))
		}
		if m.Excluded > 0 {
			a.printf("  %s stored but not part of the event, because an earlier version of Flyleaf accepted a change before it that the rules now refuse\n", counted(m.Excluded, "change is", "changes are"))
		}
		for i, r := range m.Refused {
			if i == maxListed {
				a.printf("  and %d more not accepted; --json lists all\n", len(m.Refused)-i)
				break
			}
			a.printf("  not accepted: %s  %s: %s\n", r.Hash, plain(r.Code), plain(r.Reason))
		}
	}
	return nil
}
