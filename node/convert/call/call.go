// Package call carries the calls of a node.Converter from one program to another, such as two
// programs in a browser. A call is a name, JSON, and bytes that would only become larger as JSON.
package call

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"flyleaf/keys"
	"flyleaf/node"
	"flyleaf/qa"
)

// Func makes a call: head is JSON, body are bytes. An error says that the call could not be made.
type Func func(ctx context.Context, name string, head, body []byte) (answer, data []byte, err error)

// The names of the calls.
const (
	readWeeks     = "readWeeks"
	archive       = "archive"
	writeWeek     = "writeWeek"
	writeOutline  = "writeOutline"
	shrinkPicture = "shrinkPicture"
	qrCode        = "qrCode"
	formula       = "formula"
	sealContact   = "sealContact"
	openContact   = "openContact"
	openKeyFile   = "openKeyFile"
)

// answer is the JSON of an answer.
type answer struct {
	Error string    `json:",omitempty"` // why the work cannot be done; "" when it is
	Kind  node.Kind `json:",omitempty"` // of the error
	Weeks node.WeeksOfFile
	// Memory is that of Archive.
	Memory map[string]string `json:",omitempty"`
}

// Serve returns a Func that lets c do the work.
func Serve(c node.Converter) Func {
	return func(ctx context.Context, name string, head, body []byte) ([]byte, []byte, error) {
		var out answer
		data, err := serve(ctx, c, name, head, body, &out)
		if errors.Is(err, errNoCall) {
			return nil, nil, err
		}
		if err != nil {
			out, data = answer{Error: err.Error(), Kind: node.KindOf(err)}, nil
		}
		b, err := json.Marshal(out)
		return b, data, err
	}
}

var errNoCall = errors.New("there is no such call")

// serve does the work of a call. Weeks are returned in out, everything else as bytes.
func serve(ctx context.Context, c node.Converter, name string, head, body []byte, out *answer) (data []byte, err error) {
	switch name {
	case readWeeks:
		f, err := read[node.FileToRead](head)
		if err != nil {
			return nil, err
		}
		f.Data = body
		out.Weeks, err = c.ReadWeeks(ctx, f)
		return nil, err
	case archive:
		w, err := read[node.WeeksToPublish](head)
		if err != nil {
			return nil, err
		}
		data, out.Memory, err = c.Archive(ctx, w)
		return data, err
	case writeWeek:
		w, err := read[weekToWrite](head)
		if err != nil {
			return nil, err
		}
		return c.WriteWeek(ctx, w.Format, w.Week)
	case writeOutline:
		w, err := read[qa.Imported](head)
		if err != nil {
			return nil, err
		}
		return c.WriteOutline(ctx, w)
	case shrinkPicture:
		maxBytes, err := read[int](head)
		if err != nil {
			return nil, err
		}
		return c.ShrinkPicture(ctx, body, maxBytes)
	case qrCode:
		return c.QRCode(ctx, string(body))
	case formula:
		display, err := read[bool](head)
		if err != nil {
			return nil, err
		}
		xml, err := c.Formula(ctx, string(body), display)
		return []byte(xml), err
	case sealContact:
		founder, err := read[qa.Identity](head)
		if err != nil {
			return nil, err
		}
		return c.SealContact(ctx, founder, string(body))
	case openContact:
		seed, err := read[[]byte](head)
		if err != nil {
			return nil, err
		}
		k, err := keys.KeyFromSeed(seed)
		if err != nil {
			return nil, err
		}
		contact, err := c.OpenContact(ctx, k, body)
		return []byte(contact), err
	case openKeyFile:
		passphrase, err := read[string](head)
		if err != nil {
			return nil, err
		}
		k, err := c.OpenKeyFile(ctx, body, passphrase)
		return k.Seed(), err
	}
	return nil, fmt.Errorf("%w as %q", errNoCall, name)
}

// weekToWrite is the head of writeWeek.
type weekToWrite struct {
	Format string
	Week   qa.Week
}

// read reads the head of a call.
func read[T any](head []byte) (v T, err error) {
	err = json.Unmarshal(head, &v)
	return v, err
}

// Client is the node.Converter whose work another program does.
type Client struct{ Call Func }

var _ node.Converter = Client{}

// ReadWeeks implements node.Converter.
func (c Client) ReadWeeks(ctx context.Context, f node.FileToRead) (node.WeeksOfFile, error) {
	data := f.Data
	f.Data = nil
	a, _, err := c.call(ctx, readWeeks, f, data)
	return a.Weeks, err
}

// Archive implements node.Converter.
func (c Client) Archive(ctx context.Context, w node.WeeksToPublish) ([]byte, map[string]string, error) {
	a, data, err := c.call(ctx, archive, w, nil)
	return data, a.Memory, err
}

// WriteWeek implements node.Converter.
func (c Client) WriteWeek(ctx context.Context, format string, week qa.Week) ([]byte, error) {
	_, data, err := c.call(ctx, writeWeek, weekToWrite{format, week}, nil)
	return data, err
}

// WriteOutline implements node.Converter.
func (c Client) WriteOutline(ctx context.Context, week qa.Imported) ([]byte, error) {
	_, data, err := c.call(ctx, writeOutline, week, nil)
	return data, err
}

// ShrinkPicture implements node.Converter.
func (c Client) ShrinkPicture(ctx context.Context, picture []byte, maxBytes int) ([]byte, error) {
	_, data, err := c.call(ctx, shrinkPicture, maxBytes, picture)
	return data, err
}

// QRCode implements node.Converter.
func (c Client) QRCode(ctx context.Context, text string) ([]byte, error) {
	_, data, err := c.call(ctx, qrCode, nil, []byte(text))
	return data, err
}

// Formula implements node.Converter.
func (c Client) Formula(ctx context.Context, tex string, display bool) (string, error) {
	_, data, err := c.call(ctx, formula, display, []byte(tex))
	return string(data), err
}

// SealContact implements node.Converter.
func (c Client) SealContact(ctx context.Context, founder qa.Identity, contact string) ([]byte, error) {
	_, data, err := c.call(ctx, sealContact, founder, []byte(contact))
	return data, err
}

// OpenContact implements node.Converter.
func (c Client) OpenContact(ctx context.Context, k keys.Key, sealed []byte) (string, error) {
	_, data, err := c.call(ctx, openContact, k.Seed(), sealed)
	return string(data), err
}

// OpenKeyFile implements node.Converter.
func (c Client) OpenKeyFile(ctx context.Context, file []byte, passphrase string) (keys.Key, error) {
	_, seed, err := c.call(ctx, openKeyFile, passphrase, file)
	if err != nil {
		return keys.Key{}, err
	}
	return keys.KeyFromSeed(seed)
}

func (c Client) call(ctx context.Context, name string, in any, body []byte) (a answer, data []byte, err error) {
	head, err := json.Marshal(in)
	if err != nil {
		return a, nil, err
	}
	got, data, err := c.Call(ctx, name, head, body)
	if err != nil {
		return a, nil, fmt.Errorf("the part of Flyleaf that this needs cannot be loaded: %w. Nothing was changed", err)
	}
	if err := json.Unmarshal(got, &a); err != nil {
		return a, nil, err
	}
	if a.Error != "" {
		return answer{}, nil, node.WithKind(a.Kind, errors.New(a.Error))
	}
	return a, data, nil
}
