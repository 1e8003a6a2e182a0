// Fibres, barriers and warps. A meeting counts who has come: threads that meet at different places, or that wait for
// one that has left or waits elsewhere, are a divergence, where a scheduler that only yields would go on.
#include "runtime/device/sim/Machine.h"
#include <algorithm>
#include <cstring>
#include <dlfcn.h>
#include <sys/mman.h>

// Saves the callee's registers on the stack, its top to *from, and goes on at `to`.
extern "C" void ds_sim_switch(void **from, void *to);
asm(R"(
.text
.globl ds_sim_switch
.hidden ds_sim_switch
.type ds_sim_switch, @function
ds_sim_switch:
  push %rbp
  push %rbx
  push %r12
  push %r13
  push %r14
  push %r15
  mov %rsp, (%rdi)
  mov %rsi, %rsp
  pop %r15
  pop %r14
  pop %r13
  pop %r12
  pop %rbx
  pop %rbp
  ret
.size ds_sim_switch, .-ds_sim_switch
)");

namespace ds::sim {

Thread *self = nullptr;

// Calls of one intrinsic may be merged into one instruction, whose address then tells less than the place.
static std::string line(const Place &p) {
  std::string file = p.file;
  return file.substr(file.rfind('/') + 1) + ":" + std::to_string(p.line);
}
static bool same(const Place &a, const Place &b) {
  return a.line == b.line && a.column == b.column && strcmp(a.file, b.file) == 0;
}

Machine::Machine() {
  void *p = mmap(nullptr, maxThreads * stackBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
                 -1, 0);
  stacks = static_cast<unsigned char *>(p);
  // A page below each stack that nothing may touch.
  for (uint32_t i = 0; i < maxThreads; ++i)
    mprotect(stacks + i * stackBytes, 4096, PROT_NONE);
}

Machine *Machine::machine = nullptr;

// Ends the launch; the fibres are abandoned where they are.
void Machine::leave() {
  void *abandoned;
  ds_sim_switch(&abandoned, scheduler);
  __builtin_unreachable();
}

void Machine::enter() {
  Machine &m = get();
  Fibre &f = m.current();
  m.kernel->body(m.arguments.data());
  f.done = true;
  m.next(f);
  __builtin_unreachable();
}

void Machine::startFibre(uint32_t index, Dim block) {
  Fibre &f = fibres[index];
  f.index = index, f.lane = index % 32, f.warp = index / 32, f.block = block;
  f.threads = kernel->threads, f.shared = sharedBase;
  f.done = false, f.waits = nullptr, f.committed = 0;
  f.copies.clear();
  // Tops are spread, or the hot parts of all stacks would share a few cache sets.
  unsigned char *top = stacks + (index + 1) * stackBytes - 64 - index * 832 % 16384 / 64 * 64;
  void **sp = reinterpret_cast<void **>(top);
  *--sp = nullptr; // a return address, so that the stack is aligned as after a call
  *--sp = reinterpret_cast<void *>(&Machine::enter);
  sp -= 6;
  memset(sp, 0, 6 * sizeof(void *));
  f.stack = sp;
}

// The next fibre that may run; back to the scheduler if there is none.
void Machine::next(Fibre &from) {
  if (ready.empty()) {
    ds_sim_switch(&from.stack, scheduler);
    return;
  }
  if (kernel->checked && ready.size() > 1)
    std::swap(ready[random() % ready.size()], ready.back());
  Fibre *to = ready.back();
  ready.pop_back();
  if (to == &from)
    return;
  self = to;
  ds_sim_switch(&from.stack, to->stack);
}

void Machine::wait(const char *what, Place place, const void *pc) {
  Fibre &f = current();
  f.waits = what, f.place = place, f.pc = pc;
  next(f);
}

void Machine::release(Fibre *f) {
  f->waits = nullptr;
  ready.push_back(f);
}

void Machine::barrier(uint32_t id, uint32_t threads, Place place, const void *pc) {
  Fibre &f = current();
  countStep(f, pc);
  if (id >= maxBarriers || threads == 0 || threads % 32 || threads > kernel->threads)
    stop("a barrier with a wrong number or count of threads", f, line(place));
  Barrier &b = barriers[id];
  if (!b.waiting.empty()) {
    Fibre &first = *b.waiting.front();
    if (b.expected != threads || !same(first.place, place))
      stop("barrier divergence: thread " + std::to_string(first.index) + " waits for its block at " +
               line(first.place) + ", this thread comes to another barrier",
           f, line(place));
  }
  b.expected = threads;
  f.waits = "its block", f.place = place, f.pc = pc;
  b.waiting.push_back(&f);
  if (b.waiting.size() < threads) {
    next(f);
    return;
  }
  std::vector<Fibre *> all;
  all.swap(b.waiting);
  if (kernel->checked)
    join(all);
  // In reverse: the last released runs first, so fibres go on in their order.
  std::sort(all.begin(), all.end(), [](Fibre *a, Fibre *c) { return a->index > c->index; });
  for (Fibre *other : all)
    release(other);
  next(f);
}

// What any participant knew, all know now; time goes on.
void Machine::join(const std::vector<Fibre *> &all) {
  bool member[maxWarps] = {};
  uint32_t joined[maxWarps] = {};
  for (Fibre *f : all)
    member[f->warp] = true;
  for (uint32_t w = 0; w < maxWarps; ++w)
    for (uint32_t i = 0; member[w] && i < maxWarps; ++i)
      joined[i] = std::max(joined[i], warps[w].clock[i]);
  for (uint32_t w = 0; w < maxWarps; ++w)
    if (member[w]) {
      memcpy(warps[w].clock, joined, sizeof joined);
      ++warps[w].clock[w];
      ++warps[w].epoch;
    }
}

void Machine::warpBarrier(Place place, const void *pc) { together(nullptr, nullptr, place, pc); }

void Machine::together(WarpOp op, void *operand, Place place, const void *pc) {
  Fibre &f = current();
  countStep(f, pc);
  Warp &w = warps[f.warp];
  if (w.arrived == 0) {
    w.op = op;
  } else if (kernel->checked) {
    Fibre *first = &fibres[f.warp * 32];
    while (!first->waits)
      ++first;
    if (w.op != op || !same(first->place, place))
      stop("warp divergence: thread " + std::to_string(first->index) + " waits for its warp at " + line(first->place) +
               ", this thread comes to another operation",
           f, line(place));
  }
  w.operands[f.lane] = operand;
  f.pc = pc;
  if (++w.arrived < 32) {
    wait("its warp", place, pc);
    return;
  }
  w.arrived = 0;
  if (op)
    op(w.operands);
  else
    ++w.epoch;
  for (uint32_t i = 32; i-- > 0;)
    if (i != f.lane)
      release(&fibres[f.warp * 32 + i]);
}

void Machine::runBlock(Dim block) {
  now.serial++;
  if (kernel->checked)
    memset(sharedBase, 0xA5, kernel->sharedBytes);
  for (Barrier &b : barriers)
    b.waiting.clear();
  for (uint32_t w = 0; w < kernel->threads / 32; ++w) {
    warps[w].arrived = 0, warps[w].epoch = 1;
    memset(warps[w].clock, 0, sizeof warps[w].clock);
    warps[w].clock[w] = 1;
  }
  ready.clear();
  for (uint32_t i = kernel->threads; i-- > 0;) {
    startFibre(i, block);
    ready.push_back(&fibres[i]);
  }
  Fibre *first = ready.back();
  ready.pop_back();
  self = first;
  ds_sim_switch(&scheduler, first->stack);
  self = nullptr;
  if (finding.empty())
    stuck();
}

// All fibres have left or wait for one that never comes.
void Machine::stuck() {
  const Fibre *waiting = nullptr;
  uint32_t waits = 0, left = 0;
  for (uint32_t i = 0; i < kernel->threads; ++i) {
    if (fibres[i].done)
      ++left;
    else if (++waits == 1)
      waiting = &fibres[i];
  }
  if (!waiting)
    return;
  const Fibre *elsewhere = nullptr;
  for (uint32_t i = 0; i < kernel->threads && !elsewhere; ++i)
    if (!fibres[i].done && !same(fibres[i].place, waiting->place))
      elsewhere = &fibres[i];
  finding = std::string("divergence: a thread waits for ") + waiting->waits +
            " that never comes together: " + std::to_string(left) + " of " + std::to_string(kernel->threads) +
            " threads have left the kernel";
  if (elsewhere)
    finding += ", thread " + std::to_string(elsewhere->index) + " waits at " + line(elsewhere->place);
  finding += describe(*waiting, line(waiting->place));
}

std::string Machine::run(const Kernel &k, Dim grid, const void *args, const Options &options) {
  if (k.threads == 0 || k.threads % 32 || k.threads > maxThreads)
    return std::string("kernel ") + k.name + ": blocks of " + std::to_string(k.threads) + " threads";
  kernel = &k, finding.clear(), stepsLeft = options.steps;
  random.seed(options.seed);
  arguments.assign(static_cast<const unsigned char *>(args), static_cast<const unsigned char *>(args) + k.argBytes);
  sharedMemory.resize(k.sharedBytes + 128);
  sharedBase =
      reinterpret_cast<unsigned char *>((reinterpret_cast<uintptr_t>(sharedMemory.data()) + 127) & ~uintptr_t(127));
  if (k.checked && sharedCells.size() < k.sharedBytes)
    sharedCells.resize(k.sharedBytes);
  Dl_info info;
  now.codeBase = dladdr(reinterpret_cast<void *>(k.body), &info) ? reinterpret_cast<uintptr_t>(info.dli_fbase) : 0;
  now.launch = now.serial + 1;
  for (Fibre &f : fibres)
    f.grid = grid;
  uint64_t blocks = uint64_t(grid.x) * grid.y * grid.z;
  // A checked kernel's blocks start somewhere and run backwards for odd seeds.
  uint64_t start = k.checked && blocks ? random() % blocks : 0;
  for (uint64_t n = 0; n < blocks && finding.empty(); ++n) {
    uint64_t b = (start + (options.seed % 2 ? blocks - n : n)) % blocks;
    runBlock({uint32_t(b % grid.x), uint32_t(b / grid.x % grid.y), uint32_t(b / grid.x / grid.y)});
  }
  return finding;
}

std::string launch(const Kernel &kernel, Dim grid, const void *args, const Options &options) {
  if (!Machine::machine) {
    Machine::machine = new Machine;
    Machine::catchTraps();
  }
  return Machine::get().run(kernel, grid, args, options);
}

void syncThreads(uint32_t id, uint32_t threads, Place place) {
  Machine::get().barrier(id, threads, place, __builtin_return_address(0));
}
void syncWarp(Place place) { Machine::get().warpBarrier(place, __builtin_return_address(0)); }
void together(WarpOp op, void *operand, Place place) {
  Machine::get().together(op, operand, place, __builtin_return_address(0));
}

} // namespace ds::sim
