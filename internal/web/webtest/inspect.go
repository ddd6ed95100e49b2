package webtest

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"image/png"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/chromedp/cdproto/browser"
	"github.com/chromedp/chromedp"
)

const (
	// axeFile is where tools/browser.sh puts axe-core, from the top of the repository on.
	axeFile = "bin/axe-core-4.14.1.js"
	// screenshotsVariable names a folder for the pictures of what was inspected.
	screenshotsVariable = "COURIER_SCREENSHOTS"
	// imagesVariable, when it is set, has the pictures of the documents made anew.
	imagesVariable = "COURIER_IMAGES"
	// PhoneWidth is that of a small phone.
	PhoneWidth = 390
)

// Inspect checks the page as it is, twice: light on a wide screen, and dark on a phone.
// axe-core finds nothing serious, and nothing is wider than the screen. The pictures are
// NAME-light.png and NAME-phone-dark.png in the folder of COURIER_SCREENSHOTS. The tab
// then has the first look.
func (t *Tab) Inspect(name string) {
	t.tb.Helper()
	for suffix, look := range map[string]Look{"-light": {}, "-phone-dark": {Dark: true, Width: PhoneWidth, Height: 844}} {
		t.Look(look)
		t.Fits()
		t.Axe()
		if folder := os.Getenv(screenshotsVariable); folder != "" {
			t.save(filepath.Join(folder, name+suffix+".png"), t.picture())
		}
	}
	t.Look(Look{})
}

// Fits fails the test when the page is wider than the screen.
func (t *Tab) Fits() {
	t.tb.Helper()
	const wide = `[...document.querySelectorAll("body *")].filter(e => e.getBoundingClientRect().right > document.documentElement.clientWidth + 1)
		.slice(0, 5).map(e => e.outerHTML.slice(0, 120)).join("\n")`
	if Eval[bool](t, "document.documentElement.scrollWidth > document.documentElement.clientWidth") {
		t.tb.Errorf("the page is wider than the screen of %d px:\n%s", Eval[int](t, "innerWidth"), Eval[string](t, wide))
	}
}

// finding is what axe-core does not like.
type finding struct {
	ID, Impact, Help string
	Nodes            []struct {
		HTML           string
		FailureSummary string `json:"failureSummary"` //nolint:tagliatelle // axe-core calls it so
	}
}

// Axe fails the test for the findings of axe-core that are serious or critical.
func (t *Tab) Axe() {
	t.tb.Helper()
	if Eval[bool](t, "!window.axe") {
		step(t, "load axe-core", chromedp.Evaluate[chromedp.Void](t.axe()))
	}
	// It returns text, as the findings have null where Go wants a list.
	text := Eval[string](t, `axe.run({resultTypes: ["violations"], preload: false}).then(r => JSON.stringify(r.violations))`)
	var findings []finding
	if err := json.Unmarshal([]byte(text), &findings); err != nil {
		t.tb.Fatalf("read the findings of axe-core: %v", err)
	}
	for _, found := range findings {
		if found.Impact != "serious" && found.Impact != "critical" {
			continue
		}
		for _, node := range found.Nodes {
			t.tb.Errorf("axe-core: %s (%s, %s)\n%s\n%s", found.Help, found.ID, found.Impact, node.HTML, node.FailureSummary)
		}
	}
}

// axe returns the text of axe-core.
func (t *Tab) axe() string {
	t.tb.Helper()
	path := filepath.Join(t.top(), axeFile)
	text, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		t.tb.Fatalf("find axe-core: there is no %s; make it with: make browser", path)
	} else if err != nil {
		t.tb.Fatal(err)
	}
	return string(text)
}

// top returns the folder of the repository.
func (t *Tab) top() string {
	t.tb.Helper()
	folder, err := os.Getwd()
	for err == nil {
		if _, missing := os.Stat(filepath.Join(folder, "go.mod")); missing == nil {
			return folder
		}
		if folder == filepath.Dir(folder) {
			err = errors.New("no go.mod above it")
		}
		folder = filepath.Dir(folder)
	}
	t.tb.Fatalf("find the top of the repository: %v", err)
	return ""
}

// Image is a picture of the page as it is for the documents, docs/images/NAME.png. It
// must exist; with COURIER_IMAGES set it is made anew.
func (t *Tab) Image(name string) {
	t.tb.Helper()
	path := filepath.Join(t.top(), "docs", "images", name+".png")
	if os.Getenv(imagesVariable) != "" {
		t.save(path, smaller(t.tb, t.picture()))
	} else if _, err := os.Stat(path); err != nil {
		t.tb.Errorf("find the picture of the documents: %v; make it with: make images", err)
	}
}

// picture returns what the screen shows as PNG.
func (t *Tab) picture() []byte {
	t.tb.Helper()
	return step(t, "take a picture", chromedp.CaptureScreenshot())
}

// smaller returns a picture with 256 colours alone, which nobody can tell from it, in a
// third of the bytes: the most frequent ones, and of rarer ones those that are not nearly
// the same as another.
func smaller(tb testing.TB, picture []byte) []byte {
	tb.Helper()
	whole, err := png.Decode(bytes.NewReader(picture))
	if err != nil {
		tb.Fatalf("read the picture: %v", err)
	}
	bounds, counts := whole.Bounds(), map[color.Color]int{}
	for y := bounds.Min.Y; y < bounds.Max.Y; y++ {
		for x := bounds.Min.X; x < bounds.Max.X; x++ {
			counts[whole.At(x, y)]++
		}
	}
	colours := slices.SortedFunc(maps.Keys(counts), func(a, b color.Color) int {
		return cmp.Or(counts[b]-counts[a], cmp.Compare(fmt.Sprint(a), fmt.Sprint(b))) // the same each time
	})
	var palette color.Palette
	for _, c := range colours {
		if len(palette) < 160 || (len(palette) < 256 && apart(c, palette.Convert(c)) > 8) {
			palette = append(palette, c)
		}
	}
	indexed := image.NewPaletted(bounds, palette)
	draw.Draw(indexed, bounds, whole, bounds.Min, draw.Src)
	var out bytes.Buffer
	if err := (&png.Encoder{CompressionLevel: png.BestCompression}).Encode(&out, indexed); err != nil {
		tb.Fatalf("write the picture: %v", err)
	}
	return out.Bytes()
}

// apart is how far two colours differ where they differ most, from 0 to 255.
func apart(a, b color.Color) int {
	r1, g1, b1, _ := a.RGBA()
	r2, g2, b2, _ := b.RGBA()
	distance := 0
	for _, pair := range [][2]uint32{{r1, r2}, {g1, g2}, {b1, b2}} {
		distance = max(distance, int(pair[0]>>8)-int(pair[1]>>8), int(pair[1]>>8)-int(pair[0]>>8))
	}
	return distance
}

func (t *Tab) save(path string, picture []byte) {
	t.tb.Helper()
	err := os.MkdirAll(filepath.Dir(path), 0o755) //nolint:gosec // the developer names the folder
	if err == nil {
		err = os.WriteFile(path, picture, 0o644) //nolint:gosec // as above
	}
	if err != nil {
		t.tb.Fatalf("save the picture: %v", err)
	}
}

// Clipboard returns the text that the page copied.
func (t *Tab) Clipboard() string {
	t.tb.Helper()
	step(t, "allow the clipboard", chromedp.Func(func(ctx context.Context, _ *chromedp.Target) error {
		_, err := chromedp.CallBrowser(ctx, browser.SetPermission, browser.SetPermissionParams{
			Permission: &browser.PermissionDescriptor{Name: "clipboard-read"}, Setting: browser.PermissionSettingGranted,
			BrowserContextID: chromedp.FromContext(ctx).BrowserContextID,
		})
		return err
	}))
	return Eval[string](t, "navigator.clipboard.readText()")
}

// quote makes a JavaScript string.
func quote(text string) string {
	quoted, _ := json.Marshal(text) // a string can be written
	return string(quoted)
}
