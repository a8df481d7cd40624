package main

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"time"
)

// The package time/tzdata has all changes of all time zones since the nineteenth century. The weeks of a browser are of this
// one, so this build keeps the changes since zonesSince.
var zonesSince = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)

var errZone = errors.New("not a file of a time zone, version 2 or later")

// limitZones gives the build shorter time zones: it writes them into dir and adds them to what go build -overlay replaces.
func limitZones(replace map[string]string, dir, root string) error {
	all, err := zip.OpenReader(filepath.Join(root, "lib", "time", "zoneinfo.zip"))
	if err != nil {
		return err
	}
	defer all.Close()
	var out bytes.Buffer
	w := zip.NewWriter(&out)
	for _, f := range all.File {
		r, err := f.Open()
		if err != nil {
			return err
		}
		zone, err := io.ReadAll(r)
		r.Close()
		if err != nil {
			return err
		}
		if zone, err = shortenZone(zone, zonesSince.Unix()); err != nil {
			return fmt.Errorf("%s: %w", f.Name, err)
		}
		size := uint64(len(zone)) // known beforehand, because the reader in time/tzdata knows no data descriptors
		e, err := w.CreateRaw(&zip.FileHeader{Name: f.Name, CompressedSize64: size, UncompressedSize64: size})
		if err != nil {
			return err
		}
		if _, err := e.Write(zone); err != nil {
			return err
		}
	}
	if err := w.Close(); err != nil {
		return err
	}
	path := filepath.Join(dir, "zzipdata.go")
	replace[filepath.Join(root, "src", "time", "tzdata", "zzipdata.go")] = path
	return os.WriteFile(path, []byte("package tzdata\n\nconst zipdata = "+strconv.Quote(out.String())+"\n"), 0o644)
}

// zoneHeader is the header of a block of a time zone's file. The format is RFC 8536.
type zoneHeader struct {
	Magic                                  [4]byte
	Version                                byte
	_                                      [15]byte
	UTC, Std, Leaps, Changes, Kinds, Chars uint32 // numbers of entries
}

const zoneHeaderSize = 44

// shortenZone returns the file of a time zone without the changes before a time, in seconds since 1970, except the last of
// them. Of the two blocks that the file has, the first is for old programs and is left empty.
func shortenZone(file []byte, since int64) ([]byte, error) {
	h, err := readZoneHeader(file)
	if err != nil {
		return nil, err
	}
	at := zoneHeaderSize + int(h.Changes)*5 + int(h.Kinds)*6 + int(h.Chars) + int(h.Leaps)*8 + int(h.Std) + int(h.UTC)
	if at > len(file) {
		return nil, errZone
	}
	if h, err = readZoneHeader(file[at:]); err != nil {
		return nil, err
	}
	rest := file[at+zoneHeaderSize:]
	take := func(n int) (part []byte) {
		if n > len(rest) {
			err = errZone
			return nil
		}
		part, rest = rest[:n], rest[n:]
		return part
	}
	times, kinds := take(int(h.Changes)*8), take(int(h.Changes))
	names := take(int(h.Kinds)*6 + int(h.Chars))
	take(int(h.Leaps)*12 + int(h.Std) + int(h.UTC)) // of no use to Go
	if err != nil {
		return nil, err
	}
	for len(times) >= 16 && int64(binary.BigEndian.Uint64(times[8:])) <= since {
		times, kinds = times[8:], kinds[1:]
	}
	h.Changes, h.Leaps, h.Std, h.UTC = uint32(len(kinds)), 0, 0, 0
	out, _ := binary.Append(nil, binary.BigEndian, zoneHeader{Magic: h.Magic, Version: h.Version})
	out, _ = binary.Append(out, binary.BigEndian, h)
	for _, part := range [][]byte{times, kinds, names, rest} {
		out = append(out, part...)
	}
	return out, nil
}

func readZoneHeader(b []byte) (h zoneHeader, err error) {
	if _, err := binary.Decode(b, binary.BigEndian, &h); err != nil || string(h.Magic[:]) != "TZif" || h.Version < '2' {
		return h, errZone
	}
	return h, nil
}
