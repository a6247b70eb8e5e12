// What codec.py packs: the length of the JSON, the JSON, and behind it the arrays that it refers to.

const ARRAYS = { f4: Float32Array, u4: Uint32Array, u2: Uint16Array, u1: Uint8Array };

function unpack(bytes) {
  const length = new DataView(bytes.buffer, bytes.byteOffset).getUint32(0, true);
  const behind = bytes.byteOffset + 4 + length;
  const revive = (_, value) => {
    if (!value?.$array) return value;
    const [kind, offset, size] = value.$array;
    const begin = behind + offset;
    return new ARRAYS[kind](bytes.buffer.slice(begin, begin + size * ARRAYS[kind].BYTES_PER_ELEMENT));
  };
  return JSON.parse(new TextDecoder().decode(bytes.subarray(4, 4 + length)), revive);
}
