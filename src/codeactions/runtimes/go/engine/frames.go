package codeactions

import (
	"encoding/binary"
	"syscall"
)

// The frames that a run writes; codeactions/runtimes/protocol.py has the protocol.
const (
	logFrame      = 2
	resultFrame   = 3
	failureFrame  = 4
	textFrame     = 5
	streamFrame   = 6
	chunkFrame    = 7
	answeredFrame = 8
	endFrame      = 9
	metaLimit     = 64 * 1024
	// Characters of a failure's message, and of either end of its trace: JSON turns each into up to 12 bytes.
	textLimit = metaLimit / 40
	// Bytes of a piece of a line that is always sent at once.
	pieceBytes = 512
	// Bytes of a piece of an answer.
	chunkBytes = 64 * 1024
)

var levels = map[string]byte{"debug": 0, "info": 1, "warning": 2, "error": 3}

func frame(kind byte, parts ...[]byte) []byte {
	length := 0
	for _, part := range parts {
		length += len(part)
	}
	frame := make([]byte, 0, 5+length)
	frame = append(frame, kind)
	frame = binary.BigEndian.AppendUint32(frame, uint32(length))
	for _, part := range parts {
		frame = append(frame, part...)
	}
	return frame
}

// put sends a whole frame.
func (out *output) put(frame []byte) {
	for len(frame) > 0 {
		count, err := syscall.Write(out.frames, frame)
		if err == syscall.EINTR || err == syscall.EAGAIN {
			continue
		}
		if err != nil {
			exit(1)
		}
		frame = frame[count:]
	}
}

func size(meta []byte) []byte { return binary.BigEndian.AppendUint32(nil, uint32(len(meta))) }
