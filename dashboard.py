"""`streamlit run dashboard.py [-- --runs DIR --data-root DIR]`: the pages and what they share."""

import streamlit as st

from pages.common import services, sidebar

st.set_page_config(page_title="Transfer learning lab", page_icon=":material/science:", layout="wide")
page = st.navigation([st.Page("pages/train.py", title="Train", icon=":material/model_training:", default=True)])
sidebar(services())
page.run()
