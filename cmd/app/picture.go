package main

import (
	"context"

	"github.com/spf13/pflag"

	"flyleaf/node"
	"flyleaf/node/convert"
	"flyleaf/qa"
)

// pictureFlags are the flags of commands that write a text with a picture.
type pictureFlags struct{ file, alt string }

func (p *pictureFlags) add(f *pflag.FlagSet) {
	f.StringVar(&p.file, "picture", "", "add a picture: a JPEG, PNG, GIF or WebP `file`, which is scaled down")
	f.StringVar(&p.alt, "alt", "", "say in `words` what the picture shows, for people who do not see it")
}

// addTo returns a text with the picture, or with that of the text old if none was given.
func (p *pictureFlags) addTo(ctx context.Context, b backend, event qa.EventID, text, old string) (string, error) {
	if p.file == "" && p.alt != "" {
		return "", codedf(exitUsage, "--alt needs --picture; nothing was saved")
	}
	file, err := readPicture(p.file)
	if err != nil || file == nil && old == "" {
		return text, err
	}
	w, err := b.Week(ctx, event)
	if err != nil {
		return "", explain(err)
	}
	text, err = node.TextWithPicture(ctx, convert.Direct{}, &w.Event, text, old, file, p.alt)
	return text, explain(err)
}
