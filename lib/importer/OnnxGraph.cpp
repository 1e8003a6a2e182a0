// Walks over the protobuf: tensors, nodes, and the order of nodes.
#include "lib/importer/OnnxLib.h"
#include <queue>
#include <unordered_map>

using namespace onnx;
namespace lib = mlir::ds::onnxlib;

namespace {
using Nodes = google::protobuf::RepeatedPtrField<NodeProto>;

// Calls back for what it meets; either callback may be empty.
struct Walk {
  std::function<void(TensorProto &)> tensor;
  std::function<void(NodeProto &, const lib::Opsets &)> node;
  const lib::Opsets *opsets = nullptr;

  void visit(TensorProto &t) {
    if (tensor)
      tensor(t);
  }
  void visit(SparseTensorProto &s) {
    visit(*s.mutable_values());
    visit(*s.mutable_indices());
  }
  void visit(AttributeProto &a) {
    if (a.has_t())
      visit(*a.mutable_t());
    if (a.has_g())
      visit(*a.mutable_g());
    if (a.has_sparse_tensor())
      visit(*a.mutable_sparse_tensor());
    visitAll(*a.mutable_tensors());
    visitAll(*a.mutable_graphs());
    visitAll(*a.mutable_sparse_tensors());
  }
  void visit(NodeProto &n) {
    if (node)
      node(n, *opsets);
    visitAll(*n.mutable_attribute());
  }
  void visit(GraphProto &g) {
    visitAll(*g.mutable_initializer());
    visitAll(*g.mutable_sparse_initializer());
    visitAll(*g.mutable_node());
  }
  void visit(ModelProto &m) {
    opsets = &m.opset_import();
    visit(*m.mutable_graph());
    for (FunctionProto &f : *m.mutable_functions()) {
      opsets = &f.opset_import();
      visitAll(*f.mutable_node());
      visitAll(*f.mutable_attribute_proto());
    }
  }
  template <typename Range>
  void visitAll(Range &range) {
    for (auto &element : range)
      visit(element);
  }
};
} // namespace

void lib::forEachTensor(ModelProto &model, const std::function<void(TensorProto &)> &visit) {
  Walk walk;
  walk.tensor = visit;
  walk.visit(model);
}

void lib::forEachNode(ModelProto &model, const std::function<void(NodeProto &, const Opsets &)> &visit) {
  Walk walk;
  walk.node = visit;
  walk.visit(model);
}

// Every name that a node reads, also from within its subgraphs.
static void collectReads(const NodeProto &node, const std::function<void(const std::string &)> &read) {
  for (const std::string &name : node.input())
    read(name);
  auto graphReads = [&](const GraphProto &g) {
    for (const NodeProto &inner : g.node())
      collectReads(inner, read);
    for (const ValueInfoProto &output : g.output())
      read(output.name());
  };
  for (const AttributeProto &a : node.attribute()) {
    if (a.has_g())
      graphReads(a.g());
    for (const GraphProto &g : a.graphs())
      graphReads(g);
  }
}

// Kahn's algorithm, the earliest ready node first.
static bool sortList(Nodes &nodes, std::string &error) {
  std::unordered_map<std::string, int> producer;
  for (int i = 0; i < nodes.size(); ++i)
    for (const std::string &name : nodes[i].output())
      if (!name.empty())
        producer.emplace(name, i);
  std::vector<std::vector<int>> users(nodes.size());
  std::vector<int> missing(nodes.size(), 0);
  for (int i = 0; i < nodes.size(); ++i)
    collectReads(nodes[i], [&](const std::string &name) {
      if (auto it = producer.find(name); it != producer.end()) {
        users[it->second].push_back(i);
        ++missing[i];
      }
    });
  std::priority_queue<int, std::vector<int>, std::greater<>> ready;
  for (int i = 0; i < nodes.size(); ++i)
    if (missing[i] == 0)
      ready.push(i);
  std::vector<int> order;
  for (; !ready.empty(); ) {
    int i = ready.top();
    ready.pop();
    order.push_back(i);
    for (int user : users[i])
      if (--missing[user] == 0)
        ready.push(user);
  }
  if (static_cast<int>(order.size()) != nodes.size()) {
    for (int i = 0; i < nodes.size(); ++i)
      if (missing[i] > 0) {
        error = "node '" + nodes[i].name() + "' (" + nodes[i].op_type() + "): the graph has a cycle through or before this node";
        return false;
      }
  }
  Nodes sorted;
  for (int i : order)
    sorted.Add()->Swap(&nodes[i]);
  nodes.Swap(&sorted);
  return true;
}

bool lib::sortNodes(GraphProto &graph, std::string &error) {
  for (NodeProto &node : *graph.mutable_node())
    for (AttributeProto &a : *node.mutable_attribute()) {
      if (a.has_g() && !sortNodes(*a.mutable_g(), error))
        return false;
      for (GraphProto &g : *a.mutable_graphs())
        if (!sortNodes(g, error))
          return false;
    }
  return sortList(*graph.mutable_node(), error);
}
