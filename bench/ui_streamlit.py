"""The Symbol page's content as a Streamlit page, run by `bench.ui` in Streamlit's own environment.

The same 600 candles with volume, 24 marks, two indicators under them, and the table of the symbol's way,
from one Parquet file; no import of ours, so that it pays for nothing but itself.
"""

import os

import pandas as pd
import plotly.graph_objects as go
import streamlit as st
from plotly.subplots import make_subplots

st.set_page_config(layout="wide")
bars = pd.read_parquet(os.environ["SLUICE_BENCH_BARS"])
st.title("S0000/USDT")
figure = make_subplots(rows=3, shared_xaxes=True, row_heights=[0.6, 0.2, 0.2])
figure.add_trace(
    go.Candlestick(x=bars.open_time, open=bars.open, high=bars.high, low=bars.low, close=bars.close), 1, 1
)
marks = bars.iloc[::25]
figure.add_trace(go.Scatter(x=marks.open_time, y=marks.low, mode="markers"), 1, 1)
figure.add_trace(go.Scatter(x=bars.open_time, y=bars.rsi_14), 2, 1)
figure.add_trace(go.Bar(x=bars.open_time, y=bars.volume), 3, 1)
figure.update_layout(height=560, xaxis_rangeslider_visible=False)
st.plotly_chart(figure, use_container_width=True)
st.dataframe(bars.tail(200))
