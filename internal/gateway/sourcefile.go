package gateway

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
)

type fileReader struct {
	path  string
	limit int64
}

func newFileReader(path string, limit int64) (*fileReader, error) {
	if path == "" {
		return nil, errors.New("read template: file:// names no file: write file://./name.jsonnet or file:///path/name.jsonnet")
	}
	return &fileReader{path: path, limit: limit}, nil
}

func (r *fileReader) name() string { return r.path }

// read refuses what is no regular file, which could block or never end.
func (r *fileReader) read(context.Context) ([]byte, error) {
	info, err := os.Stat(r.path)
	if err != nil {
		return nil, fileCause(err)
	}
	if !info.Mode().IsRegular() {
		return nil, errors.New("it is no regular file")
	}
	file, err := os.Open(r.path)
	if err != nil {
		return nil, fileCause(err)
	}
	text, err := readBounded(file, r.limit)
	return text, errors.Join(err, file.Close())
}

// fileCause drops the path, which the caller tells.
func fileCause(err error) error {
	if cause, ok := errors.AsType[*fs.PathError](err); ok {
		return cause.Err
	}
	return err
}

func readBounded(from io.Reader, limit int64) ([]byte, error) {
	text, err := io.ReadAll(io.LimitReader(from, limit+1))
	if err != nil {
		return nil, err
	}
	if int64(len(text)) > limit {
		return nil, fmt.Errorf("it is larger than %d bytes", limit)
	}
	return text, nil
}
