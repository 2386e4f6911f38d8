#!/bin/sh
# Makes sure that PDFs with Chinese text can be made: Pango and CJK fonts.
# Installs them where it may (root on Debian), else prints the one line that does.
set -u
python=${1:-python3}
packages=""
"$python" - <<'PY' || packages="libpango-1.0-0 libpangoft2-1.0-0"
import ctypes.util, sys
sys.exit(0 if ctypes.util.find_library("pango-1.0") and ctypes.util.find_library("pangoft2-1.0") else 1)
PY
if ! { command -v fc-list >/dev/null 2>&1 && [ -n "$(fc-list :lang=zh-cn 2>/dev/null | head -n 1)" ]; }; then
  packages="$packages fontconfig fonts-noto-cjk"
fi
[ -z "$packages" ] && exit 0
line="apt-get install -y $packages"
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
  echo "Installing for PDFs: $packages"
  if apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq $packages >/dev/null; then
    exit 0
  fi
fi
echo "缺少生成 PDF 所需的系统软件包;报告仍可用打印页查看。要启用 PDF,请运行:"
echo "PDFs need system packages; the print page works without them. To enable PDFs run:"
echo "    sudo $line"
exit 0
