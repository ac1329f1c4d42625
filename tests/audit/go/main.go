// Holds the log's format against Go's implementation of transparency logs, which shares no code with ours:
//
//	main vectors             prints what it makes, as tests/vectors/audit-c2sp.json keeps it
//	main check BUNDLE VKEY   verifies a bundle and prints "sound", or what is wrong
//	main cosigned NOTE VKEY WITNESS   the same of a checkpoint that a witness cosigned (c2sp.org/tlog-cosignature)
//
// Only golang.org/x/mod/sumdb/note and tlog, and the standard library.
package main

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

const (
	origin = "strongroom.invalid/audit/go/1"
	size   = 600
	height = 8
)

func main() {
	if len(os.Args) == 2 && os.Args[1] == "vectors" {
		vectors()
	} else if len(os.Args) == 4 && os.Args[1] == "check" {
		check(os.Args[2], os.Args[3])
		fmt.Println("sound")
	} else if len(os.Args) == 5 && os.Args[1] == "cosigned" {
		cosigned(os.Args[2], os.Args[3], os.Args[4])
		fmt.Println("sound")
	} else {
		fail("usage: main vectors | main check BUNDLE VKEY | main cosigned NOTE VKEY WITNESS")
	}
}

func fail(format string, arguments ...any) {
	fmt.Printf(format+"\n", arguments...)
	os.Exit(1)
}

func must(err error, what string) {
	if err != nil {
		fail("%s: %v", what, err)
	}
}

// A log in memory, as Go keeps one: its hashes in the order they are stored.
type stored []tlog.Hash

func (s stored) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	found := make([]tlog.Hash, len(indexes))
	for i, index := range indexes {
		found[i] = s[index]
	}
	return found, nil
}

func entry(n int64) []byte { return []byte(fmt.Sprintf("entry %d", n)) }

type tree struct {
	Size int64  `json:"size"`
	Root string `json:"root"`
	Note string `json:"note"`
}

type inclusion struct {
	Index int64    `json:"index"`
	Size  int64    `json:"size"`
	Proof []string `json:"proof"`
}

type consistency struct {
	Old   int64    `json:"old"`
	Size  int64    `json:"size"`
	Proof []string `json:"proof"`
}

type tile struct {
	Path   string `json:"path"`
	Sha256 string `json:"sha256"`
}

func vectors() {
	seed := make([]byte, ed25519.SeedSize)
	for i := range seed {
		seed[i] = byte(i)
	}
	signer, vkey := keys(origin, seed)
	stranger, _ := keys("stranger.invalid/key", make([]byte, ed25519.SeedSize))

	var log stored
	for n := int64(0); n < size; n++ {
		hashes, err := tlog.StoredHashes(n, entry(n), log)
		must(err, "stored hashes")
		log = append(log, hashes...)
	}
	sizes := []int64{1, 2, 3, 7, 8, 255, 256, 257, 511, 512, 513, 600}
	var trees []tree
	for _, n := range sizes {
		root := treeHash(n, log)
		trees = append(trees, tree{n, hex.EncodeToString(root[:]), sign(n, root, signer)})
	}
	var inclusions []inclusion
	for _, n := range sizes {
		for _, index := range []int64{0, 1, n / 2, n - 2, n - 1} {
			if 0 <= index && index < n {
				proof, err := tlog.ProveRecord(n, index, log)
				must(err, "prove record")
				inclusions = append(inclusions, inclusion{index, n, encoded(proof)})
			}
		}
	}
	var consistencies []consistency
	for _, n := range sizes {
		for _, old := range sizes {
			if old < n {
				proof, err := tlog.ProveTree(n, old, log)
				must(err, "prove tree")
				consistencies = append(consistencies, consistency{old, n, encoded(proof)})
			}
		}
	}
	var tiles []tile
	for _, at := range tlog.NewTiles(height, 0, size) {
		if rest := size >> (height * at.L) & 255; at.W != 1<<height && at.W != rest {
			continue // a tile as it was earlier
		}
		data, err := tlog.ReadTileData(at, log)
		must(err, "tile")
		digest := sha256.Sum256(data)
		tiles = append(tiles, tile{shortened(at), hex.EncodeToString(digest[:])})
	}
	root := treeHash(size, log)
	out, err := json.MarshalIndent(map[string]any{
		"about":        "docs/formats/audit-log.md; made by tests/audit/go with golang.org/x/mod/sumdb",
		"entry":        "entry <number, decimal>",
		"signing_seed": hex.EncodeToString(seed),
		"vkey":         vkey,
		"trees":        trees,
		"inclusion":    inclusions,
		"consistency":  consistencies,
		"tiles":        tiles,
		"cosigned":     sign(size, root, stranger, signer),
	}, "", " ")
	must(err, "json")
	fmt.Println(string(out))
}

func keys(name string, seed []byte) (note.Signer, string) {
	private := ed25519.NewKeyFromSeed(seed)
	vkey, err := note.NewEd25519VerifierKey(name, private.Public().(ed25519.PublicKey))
	must(err, "verifier key")
	id := strings.Split(vkey, "+")[1]
	text := base64.StdEncoding.EncodeToString(append([]byte{1}, seed...))
	signer, err := note.NewSigner(fmt.Sprintf("PRIVATE+KEY+%s+%s+%s", name, id, text))
	must(err, "signer")
	return signer, vkey
}

func treeHash(n int64, reader tlog.HashReader) tlog.Hash {
	root, err := tlog.TreeHash(n, reader)
	must(err, "tree hash")
	return root
}

func sign(n int64, root tlog.Hash, signers ...note.Signer) string {
	text := fmt.Sprintf("%s\n%d\n%s\n", origin, n, root)
	signed, err := note.Sign(&note.Note{Text: text}, signers...)
	must(err, "sign")
	return string(signed)
}

func encoded(hashes []tlog.Hash) []string {
	found := []string{}
	for _, hash := range hashes {
		found = append(found, hash.String())
	}
	return found
}

// The sumdb has the height in its paths, c2sp.org/tlog-tiles has not.
func shortened(at tlog.Tile) string {
	return "tile/" + strings.TrimPrefix(at.Path(), fmt.Sprintf("tile/%d/", height))
}

// The tiles of a bundle. Go's TileHashReader holds each against the signed root.
type files string

func (f files) Height() int                     { return height }
func (f files) SaveTiles([]tlog.Tile, [][]byte) {}
func (f files) ReadTiles(wanted []tlog.Tile) ([][]byte, error) {
	var found [][]byte
	for _, at := range wanted {
		whole := at
		whole.W = 1 << height
		raw, err := os.ReadFile(filepath.Join(string(f), shortened(at)))
		if err != nil {
			// Part of a tile may be asked for that has become whole.
			raw, err = os.ReadFile(filepath.Join(string(f), shortened(whole)))
			if err != nil {
				return nil, err
			}
			raw = raw[:at.W*tlog.HashSize]
		}
		found = append(found, raw)
	}
	return found, nil
}

func check(bundle, vkey string) {
	verifier, err := note.NewVerifier(vkey)
	must(err, "key")
	n, root := opened(read(bundle, "checkpoint"), verifier)
	reader := tlog.TileHashReader(tlog.Tree{N: n, Hash: root}, files(bundle))

	var manifest struct {
		From  int64             `json:"from"`
		Size  int64             `json:"size"`
		Files map[string]string `json:"files"`
	}
	must(json.Unmarshal(read(bundle, "manifest.json"), &manifest), "manifest")
	if manifest.Size != n {
		fail("manifest: another size")
	}
	for name, digest := range manifest.Files {
		found := sha256.Sum256(read(bundle, name))
		if hex.EncodeToString(found[:]) != digest {
			fail("manifest: %s", name)
		}
	}
	for start := manifest.From; start < n; start += 1 << height {
		checkEntries(bundle, start, n, reader)
	}
	for _, line := range lines(read(bundle, "checkpoints.jsonl")) {
		var older struct {
			Note string `json:"note"`
		}
		must(json.Unmarshal(line, &older), "checkpoints.jsonl")
		at, signed := opened([]byte(older.Note), verifier)
		if found, err := tlog.TreeHash(at, reader); err != nil || found != signed {
			fail("checkpoint of %d: %v", at, err)
		}
	}
	for name := range manifest.Files {
		if strings.HasSuffix(name, ".tlog-proof") {
			body := read(bundle, strings.TrimSuffix(name, ".tlog-proof")+".entry")
			checkProof(string(read(bundle, name)), body, verifier)
		}
	}
	for _, line := range lines(read(bundle, "custody.jsonl")) {
		var handled struct {
			Entry, Proof string
			Consistency  []tlog.Hash
		}
		must(json.Unmarshal(line, &handled), "custody.jsonl")
		at, later := checkProof(handled.Proof, []byte(handled.Entry), verifier)
		must(tlog.CheckTree(handled.Consistency, at, later, n, root), "custody: consistency")
	}
}

func checkEntries(bundle string, start, n int64, reader tlog.HashReader) {
	at := tlog.Tile{H: height, L: 0, N: start >> height, W: 1 << height}
	if n-start < 1<<height {
		at.W = int(n - start)
	}
	path := strings.Replace(shortened(at), "tile/0/", "tile/entries/", 1)
	raw := read(bundle, path)
	var indexes []int64
	for i := 0; i < at.W; i++ {
		indexes = append(indexes, tlog.StoredHashIndex(0, start+int64(i)))
	}
	hashes, err := reader.ReadHashes(indexes)
	must(err, path)
	for i, hash := range hashes {
		end := 2 + int(binary.BigEndian.Uint16(raw))
		if tlog.RecordHash(raw[2:end]) != hash {
			fail("entry %d", start+int64(i))
		}
		raw = raw[end:]
	}
	if len(raw) > 0 {
		fail("%s is too long", path)
	}
}

func checkProof(text string, body []byte, verifier note.Verifier) (int64, tlog.Hash) {
	head, signed, _ := strings.Cut(text, "\n\n")
	rows := strings.Split(head, "\n")
	if rows[0] != "c2sp.org/tlog-proof@v1" {
		fail("no proof")
	}
	index, err := strconv.ParseInt(strings.TrimPrefix(rows[1], "index "), 10, 64)
	must(err, "index")
	var proof tlog.RecordProof
	for _, row := range rows[2:] {
		hash, err := tlog.ParseHash(row)
		must(err, "hash")
		proof = append(proof, hash)
	}
	n, root := opened([]byte(signed), verifier)
	must(tlog.CheckRecord(proof, n, root, index, tlog.RecordHash(body)), "proof")
	return n, root
}

func opened(raw []byte, verifier note.Verifier) (int64, tlog.Hash) {
	signed, err := note.Open(raw, note.VerifierList(verifier))
	must(err, "note")
	rows := strings.Split(signed.Text, "\n")
	if rows[0] != verifier.Name() {
		fail("another log")
	}
	n, err := strconv.ParseInt(rows[1], 10, 64)
	must(err, "size")
	root, err := tlog.ParseHash(rows[2])
	must(err, "root")
	return n, root
}

func read(bundle, name string) []byte {
	raw, err := os.ReadFile(filepath.Join(bundle, name))
	must(err, name)
	return raw
}

func lines(raw []byte) [][]byte {
	raw = bytes.TrimSuffix(raw, []byte("\n"))
	if len(raw) == 0 {
		return nil
	}
	return bytes.Split(raw, []byte("\n"))
}

// A witness's key: Ed25519 over the checkpoint and the time at which it was seen, signature type 4.
type witness struct {
	name string
	hash uint32
	key  ed25519.PublicKey
}

func (w witness) Name() string    { return w.name }
func (w witness) KeyHash() uint32 { return w.hash }

func (w witness) Verify(msg, sig []byte) bool {
	if len(sig) != 8+ed25519.SignatureSize {
		return false
	}
	seen := binary.BigEndian.Uint64(sig[:8])
	said := fmt.Sprintf("cosignature/v1\ntime %d\n%s", seen, msg)
	return ed25519.Verify(w.key, []byte(said), sig[8:])
}

func witnessOf(vkey string) witness {
	parts := strings.SplitN(vkey, "+", 3)
	if len(parts) != 3 {
		fail("no witness's key")
	}
	public, err := base64.StdEncoding.DecodeString(parts[2])
	must(err, "witness's key")
	if len(public) != 1+ed25519.PublicKeySize || public[0] != 4 {
		fail("not a cosigning key")
	}
	digest := sha256.Sum256(append([]byte(parts[0]+"\n"), public...))
	hash := binary.BigEndian.Uint32(digest[:4])
	if parts[1] != fmt.Sprintf("%08x", hash) {
		fail("another key id")
	}
	return witness{parts[0], hash, public[1:]}
}

func cosigned(path, vkey, witnessKey string) {
	data, err := os.ReadFile(path)
	must(err, "checkpoint")
	verifier, err := note.NewVerifier(vkey)
	must(err, "log's key")
	opened, err := note.Open(data, note.VerifierList(verifier, witnessOf(witnessKey)))
	must(err, "signatures")
	if len(opened.Sigs) != 2 || len(opened.UnverifiedSigs) != 0 {
		fail("%d signatures verified, %d did not", len(opened.Sigs), len(opened.UnverifiedSigs))
	}
}
