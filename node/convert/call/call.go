// Package call carries the calls of a node.Converter from one program to another, such as two
// programs in a browser. A call is a name, JSON, and bytes that would only become larger as JSON.
package call

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"flyleaf/node"
)

// Func makes a call: head is JSON, body are bytes. An error says that the call could not be made.
type Func func(ctx context.Context, name string, head, body []byte) (answer, data []byte, err error)

// The names of the calls.
const (
	readWeeks = "readWeeks"
	archive   = "archive"
)

// answer is the JSON of an answer.
type answer struct {
	Error string    `json:",omitempty"` // why the work cannot be done; "" when it is
	Kind  node.Kind `json:",omitempty"` // of the error
	Weeks node.WeeksOfFile
}

// Serve returns a Func that lets c do the work.
func Serve(c node.Converter) Func {
	return func(ctx context.Context, name string, head, body []byte) ([]byte, []byte, error) {
		var out answer
		var data []byte
		var err error
		switch name {
		case readWeeks:
			f := node.FileToRead{}
			if err := json.Unmarshal(head, &f); err != nil {
				return nil, nil, err
			}
			f.Data = body
			out.Weeks, err = c.ReadWeeks(ctx, f)
		case archive:
			w := node.WeeksToPublish{}
			if err := json.Unmarshal(head, &w); err != nil {
				return nil, nil, err
			}
			data, err = c.Archive(ctx, w)
		default:
			return nil, nil, fmt.Errorf("there is no call %q", name)
		}
		if err != nil {
			out = answer{Error: err.Error(), Kind: node.KindOf(err)}
		}
		b, err := json.Marshal(out)
		return b, data, err
	}
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
func (c Client) Archive(ctx context.Context, w node.WeeksToPublish) ([]byte, error) {
	_, data, err := c.call(ctx, archive, w, nil)
	return data, err
}

func (c Client) call(ctx context.Context, name string, in any, body []byte) (a answer, data []byte, err error) {
	head, err := json.Marshal(in)
	if err != nil {
		return a, nil, err
	}
	got, data, err := c.Call(ctx, name, head, body)
	if err != nil {
		return a, nil, fmt.Errorf("the part of Flyleaf that reads and writes files cannot be loaded: %w. Nothing was changed", err)
	}
	if err := json.Unmarshal(got, &a); err != nil {
		return a, nil, err
	}
	if a.Error != "" {
		return answer{}, nil, node.WithKind(a.Kind, errors.New(a.Error))
	}
	return a, data, nil
}
