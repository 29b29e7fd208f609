-- Names a request's unit in the access log by SipHash-2-4 under the rollout's key: the same unit has the same name
-- within a rollout, and nobody without the key can tell whose it is.
local rol, bxor, lshift, bor = bit.rol, bit.bxor, bit.lshift, bit.bor
local byte, sub = string.byte, string.sub
local known, count = {}, 0

local function word(hex, at)
  return bor(lshift(tonumber(sub(hex, at, at + 7), 16) + 0ULL, 32), tonumber(sub(hex, at + 8, at + 15), 16) + 0ULL)
end

local function key(hex)
  local pair = known[hex]
  if not pair then
    if count > 1000 then known, count = {}, 0 end
    pair = { word(hex, 1), word(hex, 17) }
    known[hex], count = pair, count + 1
  end
  return pair[1], pair[2]
end

local function round(a, b, c, d)
  a = a + b; b = bxor(rol(b, 13), a); a = rol(a, 32)
  c = c + d; d = bxor(rol(d, 16), c)
  a = a + d; d = bxor(rol(d, 21), a)
  c = c + b; b = bxor(rol(b, 17), c); c = rol(c, 32)
  return a, b, c, d
end

local function siphash(k0, k1, text)
  local a, b = bxor(k0, 0x736f6d6570736575ULL), bxor(k1, 0x646f72616e646f6dULL)
  local c, d = bxor(k0, 0x6c7967656e657261ULL), bxor(k1, 0x7465646279746573ULL)
  local length = #text
  local whole = length - length % 8
  for at = 1, whole + 1, 8 do
    local m = 0ULL
    if at > whole then m = lshift(length % 256 + 0ULL, 56) end
    for place = 0, 7 do
      local value = byte(text, at + place)
      if value then m = bor(m, lshift(value + 0ULL, 8 * place)) end
    end
    d = bxor(d, m)
    a, b, c, d = round(a, b, c, d)
    a, b, c, d = round(a, b, c, d)
    a = bxor(a, m)
  end
  c = bxor(c, 0xffULL)
  for _ = 1, 4 do a, b, c, d = round(a, b, c, d) end
  return bxor(bxor(a, b), bxor(c, d))
end

function envoy_on_request(handle)
  local unit = handle:headers():get("x-signoff-unit")
  local hex = unit and handle:metadata():get("key")
  if hex then
    local k0, k1 = key(hex)
    handle:streamInfo():dynamicMetadata():set("signoff", "unit", bit.tohex(siphash(k0, k1, unit)))
  end
end
