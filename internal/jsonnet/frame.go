package jsonnet

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
)

// headerSize is the length prefix of a frame: four bytes, big-endian.
const headerSize = 4

// errFrameTooLarge says that a frame announces more bytes than its reader takes.
var errFrameTooLarge = errors.New("frame too large")

// newFrame returns an empty frame to append a payload to.
func newFrame(capacity int) []byte {
	return make([]byte, headerSize, headerSize+capacity)
}

// writeFrame completes the length of a frame and writes it in one call.
func writeFrame(w io.Writer, frame []byte) error {
	size := len(frame) - headerSize
	if size > math.MaxInt32 {
		return errFrameTooLarge
	}
	binary.BigEndian.PutUint32(frame, uint32(size)) //nolint:gosec // size is within [0, MaxInt32]
	if _, err := w.Write(frame); err != nil {
		return fmt.Errorf("write frame: %w", err)
	}
	return nil
}

// readFrame reads one payload of at most limit bytes. It returns io.EOF when the
// stream ends before a frame begins.
func readFrame(r io.Reader, limit int) ([]byte, error) {
	var header [headerSize]byte
	if _, err := io.ReadFull(r, header[:]); err != nil {
		if errors.Is(err, io.EOF) {
			return nil, io.EOF
		}
		return nil, fmt.Errorf("read frame header: %w", err)
	}
	size := int64(binary.BigEndian.Uint32(header[:]))
	if size > int64(limit) {
		return nil, errFrameTooLarge
	}
	payload := make([]byte, size)
	if _, err := io.ReadFull(r, payload); err != nil {
		return nil, fmt.Errorf("read frame: %w", err)
	}
	return payload, nil
}
