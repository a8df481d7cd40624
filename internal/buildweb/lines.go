package main

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
)

// Go's linker writes tables into every program that say which file, line and inlined function each
// instruction comes from. They are an eighth of the download, and only the stack trace of a crash
// reads them. dropLines replaces them with zeros, which compress to almost nothing. A stack trace
// then has the names of functions, without "file:line".
//
// The layout of these tables is that of runtime._func, runtime.pcHeader, runtime.moduledata and
// runtime.inlinedCall in Go 1.20 to 1.26. The code checks everything that it reads.

var errOtherTables = errors.New("the tables of source lines do not have the layout of a known Go version")

const (
	sectionData    = 11
	pcdataInlining = 2  // abi.PCDATA_InlTreeIndex
	funcInlining   = 3  // abi.FUNCDATA_InlTree
	inlinedSize    = 16 // bytes of runtime.inlinedCall
	funcSize       = 44 // bytes of runtime._func, before its variable part
	gofuncWord     = 40 // index of the word gofunc in runtime.moduledata
)

// pcMagic is the beginning of runtime.pcHeader, for the instruction size and the pointer size of wasm.
var pcMagic = []byte{0xf1, 0xff, 0xff, 0xff, 0, 0, 1, 8}

// dropLines returns a program for js and wasm without its tables of source lines. errOtherTables is
// returned if they are not as expected.
func dropLines(program []byte) (out []byte, err error) {
	defer func() {
		if p := recover(); p != nil { // an index that is out of range
			out, err = nil, fmt.Errorf("%w (%v)", errOtherTables, p)
		}
	}()
	program = bytes.Clone(program)
	parts, err := dataParts(program)
	if err != nil {
		return nil, err
	}
	memory := make([]byte, 0, 2*len(program))
	for _, p := range parts {
		if end := p.address + len(p.bytes); end > len(memory) {
			if end > cap(memory) {
				return nil, errOtherTables
			}
			memory = memory[:end]
		}
		copy(memory[p.address:], p.bytes)
	}
	t, err := findTables(memory)
	if err != nil {
		return nil, err
	}
	if err := t.drop(); err != nil {
		return nil, err
	}
	for _, p := range parts {
		copy(p.bytes, memory[p.address:])
	}
	return program, nil
}

// part is a data segment: bytes that the program's memory has at its start.
type part struct {
	address int
	bytes   []byte // in the program
}

// dataParts returns the segments of the data section of a WebAssembly module.
func dataParts(program []byte) ([]part, error) {
	at := 8 // after the magic number and the version
	number := func(signed bool) int {
		value, shift := 0, 0
		for {
			b := program[at]
			at++
			value |= int(b&0x7f) << shift
			shift += 7
			if b < 0x80 {
				if signed && b&0x40 != 0 {
					value |= -1 << shift
				}
				return value
			}
		}
	}
	for at < len(program) {
		section := program[at]
		at++
		size := number(false)
		if section != sectionData {
			at += size
			continue
		}
		parts := make([]part, number(false))
		for i := range parts {
			if number(false) != 0 || program[at] != 0x41 { // in memory 0, at i32.const
				return nil, errOtherTables
			}
			at++
			address := number(true)
			at++ // end
			length := number(false)
			parts[i] = part{address, program[at : at+length]}
			at += length
		}
		return parts, nil
	}
	return nil, errOtherTables
}

// tables locates the tables in a program's memory. All numbers are addresses, except count.
type tables struct {
	memory                             []byte
	names, units, files, values, funcs int // the parts of runtime.pclntab
	count                              int // of functions
	gofunc                             int // where the data of functions begins
}

func (t *tables) u32(at int) int { return int(binary.LittleEndian.Uint32(t.memory[at:])) }
func (t *tables) u64(at int) int { return int(binary.LittleEndian.Uint64(t.memory[at:])) }

func findTables(memory []byte) (*tables, error) {
	header := bytes.Index(memory, pcMagic)
	if header < 0 {
		return nil, errOtherTables
	}
	t := &tables{memory: memory}
	t.count = t.u64(header + 8)
	for i, p := range []*int{&t.names, &t.units, &t.files, &t.values, &t.funcs} {
		*p = header + t.u64(header+32+8*i)
	}
	// runtime.moduledata begins with the address of the header, and the slices of these parts.
	pointer := binary.LittleEndian.AppendUint64(nil, uint64(header))
	for at := bytes.Index(memory, pointer); at >= 0; {
		if t.u64(at+8) == t.names && t.u64(at+32) == t.units && t.u64(at+56) == t.files && t.u64(at+80) == t.values && t.u64(at+104) == t.funcs {
			t.gofunc = t.u64(at + 8*gofuncWord)
			return t, nil
		}
		next := bytes.Index(memory[at+1:], pointer)
		if next < 0 {
			break
		}
		at += 1 + next
	}
	return nil, errOtherTables
}

// drop overwrites the tables of source lines.
func (t *tables) drop() error {
	lines, kept := map[int]bool{}, map[int]bool{}
	for i := range t.count {
		f := t.funcs + t.u32(t.funcs+8*i+4)
		values := t.u32(f + 28)
		kept[t.u32(f+16)] = true // pcsp
		lines[t.u32(f+20)], lines[t.u32(f+24)] = true, true
		clear(t.memory[f+20 : f+28]) // pcfile, pcln
		clear(t.memory[f+36 : f+40]) // startLine
		inlining := 0
		for k := range values {
			place := f + funcSize + 4*k
			if k == pcdataInlining {
				inlining = t.u32(place)
				clear(t.memory[place : place+4])
				continue
			}
			kept[t.u32(place)] = true
		}
		if inlining == 0 {
			continue
		}
		lines[inlining] = true
		place := f + funcSize + 4*values + 4*funcInlining
		if t.memory[f+43] <= funcInlining || t.u32(place) == 0xffffffff {
			return errOtherTables
		}
		if err := t.dropInlined(t.gofunc+t.u32(place), t.largest(inlining)+1); err != nil {
			return err
		}
		copy(t.memory[place:], "\xff\xff\xff\xff") // none
	}
	for table := range lines {
		if table != 0 && !kept[table] {
			start, end := t.values+table, t.values+table
			t.each(table, func(_, next int) { end = next })
			clear(t.memory[start:end])
		}
	}
	clear(t.memory[t.units:t.values]) // the numbers and the names of files
	return nil
}

// dropInlined overwrites the calls that were inlined into a function.
func (t *tables) dropInlined(at, count int) error {
	for i := range count {
		call := t.memory[at+inlinedSize*i:][:inlinedSize]
		if name := int(binary.LittleEndian.Uint32(call[4:])); call[1]|call[2]|call[3] != 0 || name >= t.units-t.names {
			return errOtherTables
		}
	}
	clear(t.memory[at : at+inlinedSize*count])
	return nil
}

// each calls f with each value of a table of runtime.pclntab, and with the address after it. A table
// is pairs of varints, the differences of the values, in zigzag, and of the instructions; the
// first value is relative to -1.
func (t *tables) each(table int, f func(value, next int)) {
	at, value := t.values+table, -1
	for first := true; ; first = false {
		difference, n := binary.Varint(t.memory[at:])
		if difference == 0 && !first || n <= 0 {
			return
		}
		value += int(difference)
		_, m := binary.Uvarint(t.memory[at+n:])
		at += n + m
		f(value, at)
	}
}

func (t *tables) largest(table int) int {
	largest := -1
	t.each(table, func(value, _ int) { largest = max(largest, value) })
	return largest
}
