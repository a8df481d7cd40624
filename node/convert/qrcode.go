package convert

import (
	"bytes"
	"context"
	"fmt"

	"github.com/boombuler/barcode/qr"

	"flyleaf/node"
)

// quietZone is the width of the empty edge that a QR code needs on each side, in modules.
const quietZone = 4

// QRCode implements node.Converter: one black path on white, one unit per module.
func (Direct) QRCode(_ context.Context, text string) ([]byte, error) {
	code, err := qr.Encode(text, qr.M, qr.Auto)
	if err != nil {
		return nil, node.WithKind(node.Invalid, err)
	}
	size := code.Bounds().Dx()
	var b bytes.Buffer
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %[1]d" shape-rendering="crispEdges"><path fill="#fff" d="M0 0h%[1]dv%[1]dH0z"/><path fill="#000" d="`, size+2*quietZone)
	for y := range size {
		for x := 0; x < size; {
			run := 0
			for x+run < size && isDark(code.At(x+run, y)) {
				run++
			}
			if run > 0 {
				fmt.Fprintf(&b, "M%d %dh%dv1h-%[3]dz", x+quietZone, y+quietZone, run)
			}
			x += max(run, 1)
		}
	}
	b.WriteString(`"/></svg>`)
	return b.Bytes(), nil
}

func isDark(c interface{ RGBA() (r, g, b, a uint32) }) bool {
	r, _, _, _ := c.RGBA()
	return r < 0x8000
}
