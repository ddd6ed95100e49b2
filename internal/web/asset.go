package web

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"mime"
	"net/http"
	"path"
	"strconv"
	"strings"

	"courier"
)

//go:embed assets
var assetFiles embed.FS

// asset is a file that pages load. Its address changes with its content, so that it may be
// kept for ever.
type asset struct {
	path, kind string
	content    []byte
}

// readAssets returns the assets by their names and by the names in their addresses.
func readAssets() (map[string]asset, error) {
	files, err := assetFiles.ReadDir("assets")
	if err != nil {
		return nil, fmt.Errorf("read assets of the pages: %w", err)
	}
	assets := map[string]asset{}
	for _, file := range files {
		content, err := assetFiles.ReadFile("assets/" + file.Name())
		if err != nil {
			return nil, fmt.Errorf("read assets of the pages: %w", err)
		}
		sum, ext := sha256.Sum256(content), path.Ext(file.Name())
		name := strings.TrimSuffix(file.Name(), ext) + "." + hex.EncodeToString(sum[:6]) + ext
		found := asset{path: "/assets/" + name, kind: mime.TypeByExtension(ext), content: content}
		assets[file.Name()], assets[name] = found, found
	}
	return assets, nil
}

// assetPath returns the address of an asset.
func (p *Pages) assetPath(name string) (string, error) {
	found, known := p.assets[name]
	if !known {
		return "", fmt.Errorf("there is no asset %q", name)
	}
	return found.path, nil
}

func serveAsset(v *visit) error {
	found, known := v.pages.assets[v.R.PathValue("name")]
	if !known || found.path != v.R.URL.Path {
		return &courier.Error{Code: courier.CodeNotFound, Message: "there is no such file; load the page again, it may be of another release"}
	}
	header := v.W.Header()
	header.Set("Content-Type", found.kind)
	header.Set("Content-Length", strconv.Itoa(len(found.content)))
	header.Set("Cache-Control", "public, max-age=31536000, immutable")
	if v.R.Method != http.MethodHead {
		_, _ = v.W.Write(found.content)
	}
	return nil
}
