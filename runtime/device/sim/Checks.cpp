// What checked kernels call before each access, and the sentences that come of it. The __tsan_* functions are those
// that compilers call under -fsanitize=thread; the sanitizer's own library is not linked.
#include "runtime/device/sim/Machine.h"
#include <csignal>
#include <cstring>
#include <ucontext.h>

namespace ds::sim {

namespace {
const char *verb(Use use) {
  const char *verbs[] = {"reads", "writes", "adds atomically to", "starts an asynchronous copy to",
                         "ends an asynchronous copy to"};
  return verbs[int(use)];
}
} // namespace

std::string Machine::describe(const Fibre &f, const std::string &line) {
  char text[256];
  snprintf(text, sizeof text, "; kernel %s, block (%u,%u,%u), thread %u (warp %u, lane %u), ", kernel->name, f.block.x,
           f.block.y, f.block.z, f.index, f.warp, f.lane);
  return text + line;
}

void Machine::stop(const std::string &what, const Fibre &f, const std::string &line) {
  finding = what + describe(f, line);
  ready.clear();
  leave();
}

// "shared memory at 0x40", "output 'c' at byte 64 of 1024".
std::string Machine::describePlace(const void *address) const {
  uintptr_t at = reinterpret_cast<uintptr_t>(address);
  char text[256];
  int64_t inShared = int64_t(at - reinterpret_cast<uintptr_t>(sharedBase));
  if (inShared >= -4096 && inShared < int64_t(kernel->sharedBytes) + 65536) {
    snprintf(text, sizeof text, "shared memory at byte %lld of %u", (long long)inShared, kernel->sharedBytes);
    return text;
  }
  if (Buffer *b = nearestBuffer(at)) {
    snprintf(text, sizeof text, "'%s' at byte %lld of %llu (address %p)", b->name.c_str(), (long long)(at - b->begin),
             (unsigned long long)(b->end - b->begin), address);
    return text;
  }
  snprintf(text, sizeof text, "address %p", address);
  return text;
}

// The simulator's own data that kernels read: who they are, their arguments.
bool Machine::internal(const void *address) const {
  uintptr_t at = reinterpret_cast<uintptr_t>(address);
  auto inside = [&](const void *begin, size_t bytes) { return at - reinterpret_cast<uintptr_t>(begin) < bytes; };
  return inside(&self, sizeof self) || inside(fibres, sizeof fibres) || inside(arguments.data(), arguments.size());
}

void Machine::countStep(const Fibre &f, const void *pc) {
  if (kernel->checked && --stepsLeft == 0)
    stop("the kernel does not come to an end", f, sourceLine(pc));
}

void Machine::explain(const Finding &found, Fibre &f, const void *address, uint32_t bytes, Use use, const void *pc) {
  std::string what = "thread " + std::to_string(f.index) + " " + verb(use) + " " + std::to_string(bytes) +
                     " bytes of " + describePlace(address);
  auto other = [&] {
    return "thread " + std::to_string(found.other.who & 1023) +
           (found.other.serial == now.serial ? "" : " of another block") + " at " +
           sourceLine(reinterpret_cast<void *>(now.codeBase + found.other.pc));
  };
  if (found.kind == Finding::uninitialised)
    stop("uninitialised: " + what + ", of which nothing has written byte " + std::to_string(found.offset), f,
         sourceLine(pc));
  if (found.kind == Finding::inFlight)
    stop("copy in flight: " + what +
             ", to which an asynchronous copy is under way that has not been waited for, started by " + other(),
         f, sourceLine(pc));
  stop("race: " + what + ", which no barrier separates from a " + (found.otherWrites ? "write" : "read") + " by " +
           other(),
       f, sourceLine(pc));
}

void Machine::outside(const Fibre &f, const void *address, uint32_t bytes, Use use, const void *pc) {
  stop(std::string("out of bounds: ") + verb(use) + " " + std::to_string(bytes) + " bytes of " + describePlace(address),
       f, sourceLine(pc));
}

void Machine::access(Fibre &f, const void *address, uint32_t bytes, Use use, const void *pc) {
  countStep(f, pc);
  uintptr_t at = reinterpret_cast<uintptr_t>(address), base = reinterpret_cast<uintptr_t>(sharedBase);
  now.thread = f.index, now.epoch = warps[f.warp].epoch, now.known = warps[f.warp].clock;
  Finding found;
  if (at - base < kernel->sharedBytes) {
    if (at - base + bytes > kernel->sharedBytes)
      outside(f, address, bytes, use, pc);
    found = touch(&sharedCells[at - base], bytes, use, now, pc, true, false);
  } else if (Buffer *b = findBuffer(at)) {
    if (at + bytes > b->end)
      outside(f, address, bytes, use, pc);
    if (b->role == Role::input) {
      if (use != Use::read)
        stop(std::string("write to an input: ") + verb(use) + " " + describePlace(address), f, sourceLine(pc));
      return;
    }
    found = touch(&b->cells[at - b->begin], bytes, use, now, pc, false, b->role == Role::inout);
  } else if (!internal(address)) {
    outside(f, address, bytes, use, pc);
  }
  if (found.kind != Finding::none)
    explain(found, f, address, bytes, use, pc);
}

void Machine::aligned(const void *address, uint32_t alignment, const void *pc) {
  if (reinterpret_cast<uintptr_t>(address) % alignment)
    stop("misaligned: an access of " + std::to_string(alignment) + " bytes to " + describePlace(address), current(),
         sourceLine(pc));
}

// The source is read and the target claimed at once; the bytes arrive when they are waited for.
void Machine::copyAsync(unsigned char *target, const unsigned char *source, uint32_t size, uint32_t bytes,
                        const void *pc) {
  Fibre &f = current();
  if (bytes > size)
    stop("an asynchronous copy of " + std::to_string(bytes) + " bytes into " + std::to_string(size), f, sourceLine(pc));
  aligned(target, size, pc);
  if (bytes) {
    aligned(source, size, pc);
    access(f, source, bytes, Use::read, pc);
  }
  if (uintptr_t(target) - uintptr_t(sharedBase) >= kernel->sharedBytes)
    stop("out of bounds: an asynchronous copy to " + describePlace(target), f, sourceLine(pc));
  access(f, target, size, Use::copyStart, pc);
  Copy c{target, size, f.committed, {}};
  memcpy(c.bytes, source, bytes);
  f.copies.push_back(c);
  f.pc = pc;
}

void Machine::laneReads(uint32_t lane, const void *address, uint32_t bytes) {
  Fibre &f = fibres[current().warp * 32 + lane];
  if (reinterpret_cast<uintptr_t>(address) % bytes)
    stop("misaligned: an access of " + std::to_string(bytes) + " bytes to " + describePlace(address), f,
         sourceLine(f.pc));
  if (uintptr_t(address) - uintptr_t(sharedBase) >= kernel->sharedBytes)
    stop("out of bounds: ldmatrix from " + describePlace(address), f, sourceLine(f.pc));
  access(f, address, bytes, Use::read, f.pc);
}

void Machine::waitCopies(uint32_t left) {
  Fibre &f = current();
  auto arrived = [&](const Copy &c) { return c.group + left < f.committed; };
  size_t kept = 0;
  for (Copy &c : f.copies) {
    if (!arrived(c)) {
      f.copies[kept++] = c;
      continue;
    }
    access(f, c.target, c.size, Use::copyEnd, f.pc);
    memcpy(c.target, c.bytes, c.size);
  }
  f.copies.resize(kept);
}

void Machine::atomic(const void *address, uint32_t bytes, const void *pc) {
  if (!kernel->checked)
    return;
  aligned(address, bytes, pc);
  access(current(), address, bytes, Use::atomic, pc);
}

float addAtomically(float *address, float value) {
  Machine::get().atomic(address, sizeof value, __builtin_return_address(0));
  float old = *address;
  *address = old + value;
  return old;
}
uint32_t addAtomically(uint32_t *address, uint32_t value) {
  Machine::get().atomic(address, sizeof value, __builtin_return_address(0));
  uint32_t old = *address;
  *address = old + value;
  return old;
}
void checkRow(uint32_t lane, const void *address, uint32_t bytes) { Machine::get().laneReads(lane, address, bytes); }
void checkAligned(const void *address, uint32_t alignment) {
  Machine::get().aligned(address, alignment, __builtin_return_address(0));
}
void copyAsync(void *target, const void *source, uint32_t size, uint32_t bytes) {
  Machine::get().copyAsync(static_cast<unsigned char *>(target), static_cast<const unsigned char *>(source), size,
                           bytes, __builtin_return_address(0));
}
void commitCopies() { ++Machine::get().current().committed; }
void waitCopies(uint32_t left) { Machine::get().waitCopies(left); }

} // namespace ds::sim

// The instrumented accesses. Local variables live on the fibre's stack and are nobody else's business.
namespace {
inline void seen(const void *address, uint32_t bytes, bool write, bool natural, const void *pc) {
  using namespace ds::sim;
  if (!self)
    return;
  Machine &m = Machine::get();
  if (m.ownStack(address))
    return;
  if (natural && bytes <= 8)
    m.aligned(address, bytes, pc);
  m.access(m.current(), address, bytes, write ? Use::write : Use::read, pc);
}
} // namespace

// Indices that leave an array whose size is known (registers, on a GPU): what compilers call under
// -fsanitize=array-bounds, and the trap they place under -fsanitize=local-bounds, which sees the accesses that the
// former lets pass.
namespace {
struct ArrayBounds {
  const char *file;
  uint32_t line, column;
};

void trapped(int, siginfo_t *, void *context) {
  using namespace ds::sim;
  const void *pc = reinterpret_cast<const void *>(static_cast<ucontext_t *>(context)->uc_mcontext.gregs[REG_RIP] + 1);
  if (!self) {
    signal(SIGILL, SIG_DFL);
    return; // not ours: the instruction is tried again
  }
  Machine &m = Machine::get();
  m.stop("out of bounds: an access beyond a local array", m.current(), sourceLine(pc));
}
} // namespace

void ds::sim::Machine::catchTraps() {
  struct sigaction action = {};
  action.sa_sigaction = trapped;
  action.sa_flags = SA_SIGINFO | SA_NODEFER; // the handler never returns
  sigaction(SIGILL, &action, nullptr);
}

// Weak: a program under -fsanitize=undefined has the real one.
extern "C" __attribute__((weak)) void __ubsan_handle_out_of_bounds_abort(const ArrayBounds *where, uintptr_t index) {
  using namespace ds::sim;
  Machine &m = Machine::get();
  std::string file = where->file;
  m.stop("out of bounds: index " + std::to_string(intptr_t(index)) + " of a local array", m.current(),
         file.substr(file.rfind('/') + 1) + ":" + std::to_string(where->line));
}

#define DS_SIM_HOOK(SIZE)                                                                                              \
  void __tsan_read##SIZE(void *p) { seen(p, SIZE, false, true, __builtin_return_address(0)); }                         \
  void __tsan_write##SIZE(void *p) { seen(p, SIZE, true, true, __builtin_return_address(0)); }                         \
  void __tsan_unaligned_read##SIZE(void *p) { seen(p, SIZE, false, false, __builtin_return_address(0)); }              \
  void __tsan_unaligned_write##SIZE(void *p) { seen(p, SIZE, true, false, __builtin_return_address(0)); }

extern "C" {
DS_SIM_HOOK(1)
DS_SIM_HOOK(2)
DS_SIM_HOOK(4)
DS_SIM_HOOK(8)
DS_SIM_HOOK(16)
void __tsan_init() {}
void __tsan_func_entry(void *) {}
void __tsan_func_exit() {}
void *__tsan_memcpy(void *to, const void *from, size_t bytes) {
  if (bytes) {
    seen(from, uint32_t(bytes), false, false, __builtin_return_address(0));
    seen(to, uint32_t(bytes), true, false, __builtin_return_address(0));
  }
  return memcpy(to, from, bytes);
}
void *__tsan_memmove(void *to, const void *from, size_t bytes) {
  if (bytes) {
    seen(from, uint32_t(bytes), false, false, __builtin_return_address(0));
    seen(to, uint32_t(bytes), true, false, __builtin_return_address(0));
  }
  return memmove(to, from, bytes);
}
void *__tsan_memset(void *to, int value, size_t bytes) {
  if (bytes)
    seen(to, uint32_t(bytes), true, false, __builtin_return_address(0));
  return memset(to, value, bytes);
}
}
