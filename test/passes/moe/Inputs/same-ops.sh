# Raises models under --certify; names apart, the two lines of ds.route and ds.experts are the same in all of them.
set -e
for model; do
  ds-opt "$model" --ds-moe-raise --certify --certify-dim=tokens=7 -o "$model.mlir"
  grep -E "= ds\.(route|experts)" "$model.mlir" | sed -E 's/%[^ ,:]+/%/g' >"$model.ops"
  test "$(wc -l <"$model.ops")" = 2
  diff "$1.ops" "$model.ops"
done
